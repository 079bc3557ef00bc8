use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

const TEXT: &str = "the sea is wide and the ship is small, and the harbour holds fast in the storm. ";

fn options(dir: &Path, steps: u64) -> Options {
    let mut options = Options::parse(std::iter::empty(), |_| None).unwrap();
    options.steps = steps;
    options.batch = 12;
    options.checkpoint_every = 4;
    options.checkpoint_dir = dir.join("checkpoint");
    options.output_dir = dir.join("output");
    options
}

fn alone(options: &Options) -> (State, String) {
    let mut out = Vec::new();
    let state = train(options, TEXT.repeat(3).as_bytes(), Gang::alone(), &mut out).unwrap();
    (state, String::from_utf8(out).unwrap())
}

/// Two ranks as threads over loopback; returns what each ended with and printed.
fn pair(options: &Options) -> Vec<(State, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let wait = Duration::from_secs(30);
    std::thread::scope(|scope| {
        let member = |gang: Gang| {
            let mut out = Vec::new();
            let state = train(options, TEXT.repeat(3).as_bytes(), gang, &mut out).unwrap();
            (state, String::from_utf8(out).unwrap())
        };
        let second = scope.spawn(move || member(Gang::follow(&address, 1, 2, 5, wait).unwrap()));
        let first = member(Gang::lead(&listener, 2, 5, wait).unwrap());
        vec![first, second.join().unwrap()]
    })
}

fn dir(name: &str) -> PathBuf {
    crate::scratch_dir(name)
}

#[test]
fn two_ranks_over_loopback_compute_what_one_process_computes_from_the_same_shards() {
    let dir = dir("pair");
    let options = options(&dir, 6);
    let results = pair(&options);
    assert_eq!(results[0].0, results[1].0, "both ranks hold the same parameters, bit for bit");

    let corpus = TEXT.repeat(3).into_bytes();
    let vocab = data::vocabulary(&corpus);
    let tokens = data::tokens(&corpus, &vocab);
    let shape = Shape { context: CONTEXT, embed: EMBED, hidden: HIDDEN, vocab: vocab.len() };
    let mut model = Model::fresh(shape, options.seed);
    let mut adam = Adam::fresh(shape.params());
    let mut scratch = model.scratch();
    for step in 1..=6 {
        let mut shards = [0, 1].map(|rank| {
            let plan = ShardPlan { seed: 1, step, rank, world: 2, batch: 12 };
            let mut gradient = vec![0.0; shape.params()];
            for window in data::shard(plan, &tokens, CONTEXT + 1) {
                model.accumulate(window, &mut scratch, &mut gradient);
            }
            gradient
        });
        let [sum, other] = &mut shards;
        sum.iter_mut().zip(other).for_each(|(a, b)| *a = (*a + *b) * (1.0 / 12.0));
        adam.update(model.params_mut(), sum, step, options.rate);
    }
    assert_eq!(results[0].0.model, model);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_resumed_run_ends_bit_for_bit_where_an_uninterrupted_one_ends() {
    let (whole_dir, cut_dir) = (dir("whole"), dir("cut"));
    let whole = pair(&options(&whole_dir, 10));
    pair(&options(&cut_dir, 8));
    std::fs::remove_dir_all(cut_dir.join("checkpoint/step-00000008")).unwrap();
    let mut resumed = options(&cut_dir, 10);
    resumed.resume_dir = Some(cut_dir.join("checkpoint"));
    let resumed = pair(&resumed);
    for (rank, ((state, _), (again, printed))) in whole.iter().zip(&resumed).enumerate() {
        assert_eq!(state, again);
        let mut lines = printed.lines();
        let start = format!("start rank={rank} world=2 vocab=20 params=44660 from_step=4");
        assert_eq!(lines.next(), Some(start.as_str()));
        assert_eq!(lines.next(), Some("resumed from step 4"));
        let done =
            format!("done step=10 first_loss={:.4} last_loss={:.4}", state.first_loss, state.last_loss);
        assert_eq!(lines.last(), Some(done.as_str()));
    }
    for dir in [whole_dir, cut_dir] {
        std::fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn the_loss_falls_and_the_finished_model_can_be_built_upon() {
    let dir = dir("alone");
    let mut options = options(&dir, 60);
    options.batch = 48;
    let (state, printed) = alone(&options);
    assert!((state.first_loss - f64::from(20u8).ln()).abs() < 0.2, "{}", state.first_loss);
    assert!(state.last_loss < 1.5, "{printed}");
    assert!(printed.contains("\nstep=10 loss=") && printed.contains(" tokens_per_s="), "{printed}");
    assert_eq!(checkpoint::load(&dir.join("output/model.bin")).unwrap(), state);
    let json = std::fs::read_to_string(dir.join("output/model.json")).unwrap();
    assert!(json.contains("\"steps\": 60") && json.contains("\"sample\": \""), "{json}");
    assert_eq!(sample(&state, &[0; 20], 1).chars().count(), SAMPLE_CHARS);

    // Tuned further, on text with a letter the model has never seen.
    options.init = Some(dir.join("output/model.bin"));
    options.steps = 2;
    let mut out = Vec::new();
    let corpus = TEXT.to_uppercase() + TEXT;
    let tuned = train(&options, corpus.as_bytes(), Gang::alone(), &mut out).unwrap();
    assert!(tuned.step == 2 && tuned.first_loss < 1.5, "{}", tuned.first_loss);
    let printed = String::from_utf8(out).unwrap();
    assert!(printed.contains("bytes of the dataset are not in the vocabulary"), "{printed}");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_corrupt_checkpoint_and_a_short_dataset_stop_the_run_before_it_trains() {
    let dir = dir("refused");
    let mut options = options(&dir, 4);
    alone(&options);
    let file = dir.join("checkpoint/step-00000004/model.bin");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.truncate(1000);
    std::fs::write(&file, bytes).unwrap();
    options.resume_dir = Some(dir.join("checkpoint"));
    let mut out = Vec::new();
    let refused = train(&options, TEXT.as_bytes(), Gang::alone(), &mut out).unwrap_err();
    assert!(refused.to_string().contains("is corrupt and is not used"), "{refused}");
    assert!(!refused.is_restartable() && out.is_empty());

    options.resume_dir = None;
    let refused = train(&options, b"too short", Gang::alone(), &mut out).unwrap_err().to_string();
    assert_eq!(refused, "dataset `/data` has 9 bytes in regular files; training needs at least 17");
    std::fs::remove_dir_all(&dir).unwrap();
}
