//! Controllers for people.

use holdfast_api::v1::ControllerList;

use crate::output::Table;

/// The controllers, one a line.
pub(crate) fn table(list: &ControllerList) -> Table {
    let mut table =
        Table::new(&["NAME", "NUMBER", "ADDRESS", "ROLE", "LEADER", "ANSWERS", "BEHIND", "REPLACES"]);
    for one in &list.items {
        let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
        table.row([
            one.name.clone(),
            one.id.to_string(),
            one.address.clone(),
            one.role.clone(),
            if one.leader { "leader".to_owned() } else { String::new() },
            yes(one.reachable),
            one.lag.map(|lag| lag.to_string()).unwrap_or_default(),
            one.replaces.clone(),
        ]);
    }
    table
}

/// For whom it is waited, in words; nothing where all is settled.
pub(crate) fn waited(list: &ControllerList) -> String {
    let waiting = list.items.iter().filter(|one| one.role != "voter" || !one.replaces.is_empty());
    let words = waiting.map(|one| match one.role.as_str() {
        "admitted" => format!("{} has not come yet", one.name),
        "learner" => format!("{} catches up", one.name),
        _ => format!("{} takes the place of {}", one.name, one.replaces),
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_api::v1::Controller;

    #[test]
    fn it_is_waited_for_those_who_do_not_vote() {
        let one = |name: &str, role: &str, replaces: &str| Controller {
            name: name.to_owned(),
            role: role.to_owned(),
            replaces: replaces.to_owned(),
            ..Controller::default()
        };
        let items = vec![one("c1", "voter", ""), one("c4", "learner", ""), one("c5", "admitted", "c2")];
        let mut list = ControllerList { items, advice: String::new() };
        assert_eq!(waited(&list), "c4 catches up, c5 has not come yet");
        list.items.truncate(1);
        assert_eq!(waited(&list), "");
        list.items.push(one("c5", "voter", "c2"));
        assert_eq!(waited(&list), "c5 takes the place of c2");
    }
}
