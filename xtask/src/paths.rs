//! Paths in Rust code: the leaves of `use` trees, and `a::b::c` wherever it stands.
//!
//! It must not know where a path leads; that is the work of the module tree.

use crate::lex::{Token, text_at};

/// One leaf of a `use` declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UseLeaf {
    /// The segments; the last is `*` for a glob.
    pub(crate) path: Vec<String>,
    /// The name it brings into scope: the last segment, or the one after `as`.
    pub(crate) name: String,
    /// The byte offset of the leaf.
    pub(crate) at: usize,
}

/// The leaves of the `use` declaration whose tree begins at `from`, and the index after its semicolon.
pub(crate) fn use_leaves(tokens: &[Token<'_>], from: usize) -> (Vec<UseLeaf>, usize) {
    let mut leaves = Vec::new();
    // `use<'a, T>` in a type says what it captures, and imports nothing.
    if text_at(tokens, from) == "<" {
        return (leaves, from);
    }
    let end = tree(tokens, from, &[], &mut leaves);
    let semicolon = (end..tokens.len()).find(|i| text_at(tokens, *i) == ";").unwrap_or(tokens.len());
    (leaves, semicolon + 1)
}

fn tree(tokens: &[Token<'_>], from: usize, prefix: &[String], leaves: &mut Vec<UseLeaf>) -> usize {
    let mut path = prefix.to_vec();
    let at = tokens.get(from).map_or(0, |t| t.at);
    let mut i = from;
    loop {
        match text_at(tokens, i) {
            "::" => i += 1,
            "{" => {
                i += 1;
                while i < tokens.len() && text_at(tokens, i) != "}" {
                    let next = tree(tokens, i, &path, leaves);
                    // A tree ends at a comma or a brace; whatever else stands there is stepped over.
                    let ended = matches!(text_at(tokens, next), "," | ";");
                    i = if ended || next == i { next + 1 } else { next };
                }
                return i + 1;
            }
            "as" => {
                let name = text_at(tokens, i + 1).to_owned();
                leaves.push(leaf(path, Some(name), at));
                return i + 2;
            }
            "," | "}" | ";" | "" => {
                leaves.push(leaf(path, None, at));
                return i;
            }
            segment => {
                path.push(segment.to_owned());
                i += 1;
            }
        }
    }
}

/// `use a::{self}` names `a`, so a trailing `self` goes.
fn leaf(mut path: Vec<String>, name: Option<String>, at: usize) -> UseLeaf {
    if path.len() > 1 && path.last().is_some_and(|s| s == "self") {
        path.pop();
    }
    let name = name.or_else(|| path.last().cloned()).unwrap_or_default();
    UseLeaf { path, name, at }
}

/// The path of two or more segments that begins at `from`, and the index after it; none where none begins there.
pub(crate) fn path_at(tokens: &[Token<'_>], from: usize) -> Option<(Vec<String>, usize)> {
    let before = from.checked_sub(1).map_or("", |i| text_at(tokens, i));
    let is_name = |text: &str| text.starts_with(|c: char| c == '_' || c.is_alphabetic());
    if matches!(before, "::" | ".") || !is_name(text_at(tokens, from)) || text_at(tokens, from + 1) != "::" {
        return None;
    }
    let mut path = vec![text_at(tokens, from).to_owned()];
    let mut i = from + 1;
    while text_at(tokens, i) == "::" && is_name(text_at(tokens, i + 1)) {
        path.push(text_at(tokens, i + 1).to_owned());
        i += 2;
    }
    (path.len() > 1).then_some((path, i))
}

/// Every path in the tokens, `use` leaves included, with its offset.
pub(crate) fn all_paths(tokens: &[Token<'_>]) -> Vec<(Vec<String>, usize)> {
    let mut found = Vec::new();
    let mut i = 0;
    while i < tokens.len() {
        if text_at(tokens, i) == "use" {
            let (leaves, next) = use_leaves(tokens, i + 1);
            found.extend(leaves.into_iter().map(|l| (l.path, l.at)));
            i = next;
        } else if let Some((path, next)) = path_at(tokens, i) {
            found.push((path, tokens.get(i).map_or(0, |t| t.at)));
            i = next;
        } else {
            i += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::tokens;

    fn paths(text: &str) -> Vec<String> {
        all_paths(&tokens(text)).into_iter().map(|(p, _)| p.join("::")).collect()
    }

    #[test]
    fn use_trees_unfold() {
        assert_eq!(
            paths("pub use std::{fs::{self, File}, net, time::*}; use a as b; use ::c::d;"),
            ["std::fs", "std::fs::File", "std::net", "std::time::*", "a", "c::d"]
        );
        let (leaves, _) = use_leaves(&tokens("x::{y as z, self};"), 0);
        assert_eq!(leaves.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["z", "x"]);
    }

    #[test]
    fn what_is_no_use_tree_ends_too() {
        assert_eq!(
            paths("fn f(a: &A) -> impl Iterator + use<'_, T> { g { x } ; crate::y::z }"),
            ["crate::y::z"]
        );
        assert_eq!(paths("use a::{b; c}; use d"), ["a::b", "a::c", "d"]);
    }

    #[test]
    fn paths_in_expressions_are_found_once_and_whole() {
        assert_eq!(
            paths("let a: Vec::<u8> = crate::x::f::<u8>(b.collect::<Vec<_>>(), super::Y);"),
            ["crate::x::f", "super::Y"]
        );
    }
}
