//! The model as a screen: what happens to it, and what it looks like.

use holdfast_tui::{Screen, Theme};

use crate::ui::model::{Effect, Event, Model, Step};
use crate::ui::view;

impl Screen for Model {
    type Event = Event;
    type Effect = Effect;

    fn update(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::Key(key) => return self.key(key),
            Event::Desk(lines) => self.desk = lines,
            Event::Progress(work) => self.step = Step::Writing(work),
            Event::Ended(Ok(installed)) => self.step = Step::Done(installed),
            Event::Ended(Err(why)) => self.step = Step::Failed(why),
        }
        Vec::new()
    }

    fn view(&self, frame: &mut ratatui::Frame<'_>, theme: &Theme) {
        view::page(self, theme).draw(frame, theme);
    }
}
