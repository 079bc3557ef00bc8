//! The power button, as people press it on the machine and as its management controller presses it for them: it says to process 1
//! what `SIGPWR` says, so that services stop in order.

use std::fs::{self, File};
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::event::{event, say};

const INPUT: &str = "/sys/class/input";
const DEVICES: &str = "/dev/input";
/// What the kernel calls it (drivers/acpi/button.c of Linux). A keyboard is not listened to: keys are typed on it.
const NAME: &str = "Power Button";
/// An event as the kernel writes it, `struct input_event` of linux/input.h: 16 bytes of time, type, code, value.
const EVENT: usize = 24;
const KEY: u16 = 1;
const POWER: u16 = 116;
const PRESSED: i32 = 1;

/// Listens to every power button from now on.
pub(crate) fn follow() {
    for device in buttons(Utf8Path::new(INPUT)) {
        let listens = std::thread::Builder::new().name("button".to_owned()).spawn(move || listen(&device));
        if let Err(error) = listens {
            say(format_args!("listen to the power button: {error}"));
        }
    }
}

/// The devices of the buttons.
fn buttons(input: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = input.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
    let is = |name: &&str| {
        let called = fs::read_to_string(input.join(name).join("device/name")).unwrap_or_default();
        name.starts_with("event") && called.trim_end() == NAME
    };
    let names: Vec<String> = entries.map(|entry| entry.file_name().to_owned()).collect();
    names.iter().map(String::as_str).filter(is).map(|name| Utf8Path::new(DEVICES).join(name)).collect()
}

fn listen(device: &Utf8Path) {
    let mut bytes = [0; EVENT];
    let listened = File::open(device).and_then(|mut file| {
        loop {
            file.read_exact(&mut bytes)?;
            if is_press(&bytes) {
                event("machine.button", &json!({ "button": "power" }));
                kill(Pid::this(), Signal::SIGPWR).map_err(std::io::Error::from)?;
            }
        }
    });
    let _: std::io::Result<()> =
        listened.inspect_err(|error| say(format_args!("listen to `{device}`: {error}")));
}

/// Whether somebody presses it; letting it go is another event.
fn is_press(event: &[u8; EVENT]) -> bool {
    let [.., a, b, c, d, e, f, g, h] = *event;
    let (kind, code, value) =
        (u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d]), i32::from_ne_bytes([e, f, g, h]));
    (kind, code, value) == (KEY, POWER, PRESSED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_button_is_told_from_a_keyboard_and_pressing_it_from_letting_go() {
        let temp = tempfile::tempdir().unwrap();
        let input = Utf8Path::from_path(temp.path()).unwrap();
        for (name, called) in [
            ("event0", "Power Button\n"),
            ("event1", "AT Translated Set 2 keyboard\n"),
            ("input0", "Power Button\n"),
        ] {
            fs::create_dir_all(input.join(name).join("device")).unwrap();
            fs::write(input.join(name).join("device/name"), called).unwrap();
        }
        assert_eq!(buttons(input), ["/dev/input/event0"]);
        let event = |kind: u16, code: u16, value: i32| {
            let tail = [&kind.to_ne_bytes()[..], &code.to_ne_bytes(), &value.to_ne_bytes()].concat();
            <[u8; EVENT]>::try_from([vec![7; 16], tail].concat()).unwrap()
        };
        assert!(is_press(&event(KEY, POWER, PRESSED)));
        for other in [event(KEY, POWER, 0), event(KEY, 30, PRESSED), event(0, 0, 0)] {
            assert!(!is_press(&other));
        }
    }
}
