//! The loop, one turn at a time: an event goes in, what is to be done comes out, and the screen is drawn again.

use ratatui::Terminal;
use ratatui::backend::Backend;

use crate::theme::Theme;

/// A screen.
pub trait Screen {
    /// What happens to it: keys, and what the work it asked for came to.
    type Event;
    /// What it asks for.
    type Effect;

    /// Takes an event and says what is to be done.
    fn update(&mut self, event: Self::Event) -> Vec<Self::Effect>;

    /// Draws it.
    fn view(&self, frame: &mut ratatui::Frame<'_>, theme: &Theme);
}

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn<E> {
    /// What is to be done.
    pub effects: Vec<E>,
}

/// Takes these events and draws the screen once.
///
/// # Errors
///
/// The terminal cannot be written.
pub fn turn<S: Screen, B: Backend>(
    screen: &mut S,
    events: impl IntoIterator<Item = S::Event>,
    terminal: &mut Terminal<B>,
    theme: &Theme,
) -> Result<Turn<S::Effect>, B::Error> {
    let effects = events.into_iter().flat_map(|event| screen.update(event)).collect();
    terminal.draw(|frame| screen.view(frame, theme))?;
    Ok(Turn { effects })
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;

    use super::*;
    use crate::form::Form;
    use crate::keys::Key;
    use crate::widgets::{Page, bar, choices};

    struct Ask {
        form: Form,
        list: Vec<String>,
    }

    impl Screen for Ask {
        type Event = Key;
        type Effect = String;

        fn update(&mut self, key: Key) -> Vec<String> {
            if self.form.key(key) { Vec::new() } else { vec![self.form.value("Name").to_owned()] }
        }

        fn view(&self, frame: &mut ratatui::Frame<'_>, theme: &Theme) {
            let mut lines = self.form.lines(theme);
            lines.extend(choices(&self.list, 1, theme));
            lines.push(bar(1, 3, 9).into());
            let wrong = Some("word ".repeat(20));
            Page {
                title: "Title".into(),
                place: "1 of 2".into(),
                lines,
                wrong,
                hints: vec![("enter", "next")],
            }
            .draw(frame, theme);
        }
    }

    #[test]
    fn a_turn_takes_keys_and_draws_once() {
        let form = Form::new(&[("Name", "what it is called"), ("Other", "nothing")]);
        let mut ask = Ask { form, list: vec!["one".to_owned(), "two".to_owned()] };
        let mut terminal = Terminal::new(TestBackend::new(60, 18)).unwrap();
        let keys = [Key::Char('x'), Key::Char('y'), Key::Backspace, Key::Enter];
        let turn = turn(&mut ask, keys, &mut terminal, &Theme::mono()).unwrap();
        assert_eq!(turn.effects, ["x"]);
        let shown = terminal.backend().to_string();
        for line in [
            " Title",
            "> Name             x_",
            "  what it is called",
            "> two",
            "[###......]  33 %",
            "enter next",
        ] {
            assert!(shown.contains(line), "{line}\n{shown}");
        }
        let mut small = Terminal::new(TestBackend::new(59, 18)).unwrap();
        super::turn(&mut ask, [], &mut small, &Theme::colours()).unwrap();
        assert!(small.backend().to_string().contains("needs 60x18"));
    }
}
