//! Which jobs to stop so that a gang finds room whose tasks have to be near each other: those of one domain. It must not know which
//! of them lose least.

use holdfast_types::TopologyLevel;

use crate::board::Board;
use crate::catalog::{Catalog, Class};
use crate::index::Index;
use crate::terms::Asks;
use crate::victims::{Exchange, Search, exchange};

/// The jobs to stop for a gang; `None` where that is not enough or not worth it.
pub(crate) fn exchange_for(index: &Index, asks: Asks<'_>) -> Option<Exchange> {
    let Some(narrowest) = narrowest(&index.catalog, asks.class) else { return exchange(index, asks) };
    let mut search = Search::new(index, asks);
    search.get_back().then_some(())?;
    let nodes = index.catalog.nodes().len();
    let mut board = Board::new(index.board.rooms().to_vec(), vec![true; nodes]);
    // Groups that each need a domain of their own find it in a wider one.
    let wider = TopologyLevel::ALL.into_iter().rev().filter(|level| Some(*level) <= narrowest);
    wider.map(Some).chain([None]).find_map(|level| {
        let domains = index.catalog.tree().at(level).iter();
        let exchanges = domains.filter_map(|domain| within(&search, &mut board, index, asks.class, *domain));
        exchanges.min_by_key(|exchange| exchange.loss)
    })
}

/// The narrowest level that a gang has to be within as a whole; `None` where it may be anywhere.
fn narrowest(catalog: &Catalog, class: &Class) -> Option<Option<TopologyLevel>> {
    let patterns = class.members.iter().filter_map(|member| catalog.pattern(member.pattern?));
    let bound = patterns.filter(|pattern| pattern.asks.required.is_some() || !pattern.asks.slices.is_empty());
    bound.map(|pattern| pattern.asks.required).max()
}

/// Makes room in one domain: of those that lose least, or where what they free is cut up, of all.
fn within(
    search: &Search<'_>,
    board: &mut Board,
    index: &Index,
    class: &Class,
    domain: usize,
) -> Option<Exchange> {
    let nodes = index.catalog.tree().nodes_in(domain);
    let mut few = search.clone();
    let bought = few.buy(|| nodes.iter().copied());
    if bought.is_some()
        && let Some(found) = seated(few, board, index, class, &nodes)
    {
        return found.settle();
    }
    let mut all = search.clone();
    all.stop_all(&nodes);
    seated(all, board, index, class, &nodes)?.settle()
}

/// The places that a gang gets on some nodes and no others once all have stopped.
fn seated<'a>(
    mut search: Search<'a>,
    board: &mut Board,
    index: &Index,
    class: &Class,
    nodes: &[usize],
) -> Option<Search<'a>> {
    board.set_power(search.power_emptied());
    for node in nodes {
        board.set_room(*node, search.emptied(*node), index.board.is_closed(*node));
    }
    let seats = board.place(&index.catalog, class);
    for node in nodes {
        board.set_room(*node, search.emptied(*node), true);
    }
    search.sit(seats?);
    Some(search)
}
