//! What a machine without a configuration reads from who connects to it, and what the command line reads from it.

use holdfast_maintenance::{
    Answer, Because, Facts, FrameError, Hello, MOST_ANSWER, MOST_HELLO, MOST_REQUEST, OneTimeCode, Progress,
    Refused, Request, Work, read_frame, write_frame,
};

use crate::target::Target;

pub(super) fn targets() -> Vec<Target> {
    vec![request(), hello(), answer()]
}

fn framed(message: &impl serde::Serialize) -> Vec<u8> {
    let mut bytes = Vec::new();
    // A seed that cannot be written is an empty one.
    drop(write_frame(&mut bytes, message, MOST_REQUEST));
    bytes
}

fn failed(error: &FrameError) -> String {
    match error {
        FrameError::Stream(_) => "short".to_owned(),
        FrameError::Long { .. } => "long".to_owned(),
        FrameError::Unknown(error) => format!("{:?}", error.classify()),
    }
}

fn request() -> Target {
    let plan = Request::Plan { machine: "kind = \"Machine\"\n".to_owned(), admission: Some("t".to_owned()) };
    let install = Request::Install { serial: Some("S1".to_owned()) };
    let seeds = [Request::Facts {}, plan, install, Request::Progress {}, Request::Leave {}];
    Target::damaged("desk-request", 20_000, seeds.iter().map(framed).collect(), |bytes| {
        match read_frame::<Request>(&mut &*bytes, MOST_REQUEST) {
            Ok(request) => {
                let again = read_frame::<Request>(&mut framed(&request).as_slice(), MOST_REQUEST);
                assert!(again.is_ok_and(|again| again == request), "a request is written as it was read");
                format!("{request:?}")
            }
            Err(error) => failed(&error),
        }
    })
}

fn hello() -> Target {
    let seeds = vec![framed(&Hello { code: "7K3M-9QXA".to_owned() })];
    Target::damaged("desk-hello", 20_000, seeds, |bytes| {
        match read_frame::<Hello>(&mut &*bytes, MOST_HELLO) {
            Ok(hello) => match OneTimeCode::typed(&hello.code) {
                Ok(code) => {
                    let again = OneTimeCode::typed(&code.text());
                    assert!(again.is_ok_and(|again| again.is(&code)), "a code is typed as it is shown");
                    "code".to_owned()
                }
                Err(error) => error.to_string(),
            },
            Err(error) => failed(&error),
        }
    })
}

fn answer() -> Target {
    let work = Work { what: "the system".to_owned(), done: 1, total: 2, seconds: 3 };
    let done = Progress::Done { machine: "n1".to_owned(), recovery: Some("c".to_owned()) };
    let facts = Facts {
        version: "1".to_owned(),
        product: String::new(),
        serial: None,
        uuid: None,
        checks: vec!["[ok]".to_owned()],
        cards: Vec::new(),
        disks: Vec::new(),
    };
    let seeds = [
        Answer::Welcome { version: "1".to_owned() },
        Answer::Facts(facts),
        Answer::Progress(Progress::Writing(work)),
        Answer::Progress(done),
        Answer::Refused(Refused::new(Because::Plan, "no-disk", "none")),
    ];
    Target::damaged("desk-answer", 20_000, seeds.iter().map(framed).collect(), |bytes| {
        match read_frame::<Answer>(&mut &*bytes, MOST_ANSWER) {
            Ok(answer) => {
                let again = read_frame::<Answer>(&mut framed(&answer).as_slice(), MOST_ANSWER);
                assert!(again.is_ok_and(|again| again == answer), "an answer is written as it was read");
                "read".to_owned()
            }
            Err(error) => failed(&error),
        }
    })
}
