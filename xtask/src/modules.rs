//! The module tree of one crate: which file holds which module, what each defines, imports and mentions.
//!
//! Names are resolved to the file that defines them, through facades that only re-export. Test code is not in it.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use crate::lex::{Token, matching, text_at, tokens};
use crate::paths::{UseLeaf, path_at, use_leaves};
use crate::source::Source;

/// How many re-exports a name may pass through before the search gives up; a circle of re-exports ends here.
const MAX_HOPS: usize = 16;

/// One module: a file, or a `mod name { }` within one.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// The index of its file among the sources of the crate.
    pub(crate) file: usize,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    defines: BTreeSet<String>,
    holds_code: bool,
    /// What it imports and re-exports.
    pub(crate) uses: Vec<UseLeaf>,
    /// Every other path it mentions, with its byte offset.
    pub(crate) mentions: Vec<(Vec<String>, usize)>,
    /// Where files of its child modules lie.
    directory: Utf8PathBuf,
}

/// The modules reachable from one crate root without test code.
#[derive(Debug, Default)]
pub(crate) struct ModuleTree {
    /// The modules; the first is the root.
    pub(crate) modules: Vec<Module>,
}

impl ModuleTree {
    /// The tree below the root file at `root`, an index into `sources`.
    pub(crate) fn read(sources: &[Source], root: usize) -> Self {
        let mut tree = Self::default();
        let Some(source) = sources.get(root) else { return tree };
        let directory = source.path.parent().map(Utf8Path::to_owned).unwrap_or_default();
        tree.add(root, None, directory);
        let mut waiting = vec![(0, root)];
        while let Some((module, file)) = waiting.pop() {
            let Some(source) = sources.get(file) else { continue };
            let tokens = tokens(&source.live);
            for (parent, name, path) in tree.scan(module, &tokens, source) {
                let candidates = tree.candidates(parent, &name, path.as_deref(), source);
                let Some(child_file) = sources.iter().position(|s| candidates.contains(&s.path)) else {
                    continue;
                };
                let directory =
                    sources.get(child_file).map(|s| child_directory(&s.path, &name)).unwrap_or_default();
                let child = tree.add(child_file, Some((parent, name)), directory);
                waiting.push((child, child_file));
            }
        }
        tree
    }

    fn add(&mut self, file: usize, parent: Option<(usize, String)>, directory: Utf8PathBuf) -> usize {
        let index = self.modules.len();
        let mut module = Module { file, directory, ..Module::default() };
        if let Some((parent, name)) = parent {
            module.parent = Some(parent);
            if let Some(p) = self.modules.get_mut(parent) {
                p.children.insert(name, index);
            }
        }
        self.modules.push(module);
        index
    }

    fn candidates(&self, parent: usize, name: &str, path: Option<&str>, source: &Source) -> Vec<Utf8PathBuf> {
        let directory = self.modules.get(parent).map(|m| m.directory.clone()).unwrap_or_default();
        match path {
            Some(path) => vec![source.path.parent().map(|d| d.join(path)).unwrap_or_default()],
            None => vec![directory.join(format!("{name}.rs")), directory.join(name).join("mod.rs")],
        }
    }

    /// Reads one file into its module, inline modules included; returns the file modules it declares.
    fn scan(
        &mut self,
        top: usize,
        tokens: &[Token<'_>],
        source: &Source,
    ) -> Vec<(usize, String, Option<String>)> {
        let mut declared = Vec::new();
        // The open modules of this file, each with the index of the token that closes it.
        let mut open = vec![(top, tokens.len())];
        let mut depth = 0_usize;
        let mut i = 0;
        while let Some(token) = tokens.get(i) {
            if open.len() > 1 && open.last().is_some_and(|(_, end)| *end == i) {
                open.pop();
                i += 1;
                continue;
            }
            let current = open.last().map_or(top, |(m, _)| *m);
            match token.text {
                "{" => depth += 1,
                "}" => depth = depth.saturating_sub(1),
                "mod" if text_at(tokens, i + 2) == "{" => {
                    let name = text_at(tokens, i + 1);
                    let directory =
                        self.modules.get(current).map(|m| m.directory.join(name)).unwrap_or_default();
                    let file = self.modules.get(current).map_or(0, |m| m.file);
                    let child = self.add(file, Some((current, name.to_owned())), directory);
                    open.push((child, matching(tokens, i + 2)));
                    i += 3;
                    continue;
                }
                "mod" if text_at(tokens, i + 2) == ";" => {
                    declared.push((
                        current,
                        text_at(tokens, i + 1).to_owned(),
                        path_attribute(tokens, i, source),
                    ));
                    i += 3;
                    continue;
                }
                _ => {
                    if let Some(next) = self.note(current, tokens, i, depth) {
                        i = next;
                        continue;
                    }
                }
            }
            i += 1;
        }
        declared
    }

    /// Notes an import, a mention or a definition at `i`; returns where to go on where it took more than one token.
    fn note(&mut self, module: usize, tokens: &[Token<'_>], i: usize, depth: usize) -> Option<usize> {
        let module = self.modules.get_mut(module)?;
        let token = tokens.get(i)?;
        if token.text == "use" {
            let (leaves, next) = use_leaves(tokens, i + 1);
            module.uses.extend(leaves);
            return Some(next);
        }
        if let Some((path, next)) = path_at(tokens, i) {
            module.mentions.push((path, token.at));
            return Some(next);
        }
        if depth > 0 {
            return None;
        }
        let name = match token.text {
            "fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" => text_at(tokens, i + 1),
            "macro_rules" => text_at(tokens, i + 2),
            "impl" => "",
            _ => return None,
        };
        module.holds_code = true;
        module.defines.insert(name.to_owned());
        None
    }

    /// The file that defines what `path`, written in module `from`, names. None for other crates, for locals, and for
    /// a bare module: a module is only a way, and what is reached through it is mentioned elsewhere.
    pub(crate) fn defining_file(&self, from: usize, path: &[String]) -> Option<usize> {
        self.resolve(from, path, MAX_HOPS)
    }

    fn resolve(&self, from: usize, path: &[String], hops: usize) -> Option<usize> {
        let hops = hops.checked_sub(1)?;
        let (first, rest) = path.split_first()?;
        let module = self.modules.get(from)?;
        match first.as_str() {
            "crate" => self.look(0, rest, hops),
            "self" => self.look(from, rest, hops),
            "super" => self.look(module.parent?, rest, hops),
            name if module.children.contains_key(name) => self.look(from, path, hops),
            name => {
                let import = module.uses.iter().find(|u| u.name == name && u.path.first() != Some(first))?;
                let whole: Vec<String> = import.path.iter().chain(rest).cloned().collect();
                self.resolve(from, &whole, hops)
            }
        }
    }

    fn look(&self, at: usize, path: &[String], hops: usize) -> Option<usize> {
        let hops = hops.checked_sub(1)?;
        let module = self.modules.get(at)?;
        let (first, rest) = path.split_first()?;
        if first == "super" {
            return self.look(module.parent?, rest, hops);
        }
        if let Some(child) = module.children.get(first) {
            return self.look(*child, rest, hops);
        }
        if let Some(file) = self.provided(at, first, rest, hops) {
            return Some(file);
        }
        let exported_macro =
            (at == 0).then(|| self.modules.iter().find(|m| m.defines.contains(first))).flatten();
        // A name that nothing here defines is made by a macro of this module, or a glob of all of it.
        exported_macro.filter(|_| rest.is_empty()).or(Some(module).filter(|m| m.holds_code)).map(|m| m.file)
    }

    /// The file behind a name that the module defines or imports by name or glob.
    fn provided(&self, at: usize, name: &str, rest: &[String], hops: usize) -> Option<usize> {
        let hops = hops.checked_sub(1)?;
        let module = self.modules.get(at)?;
        if module.defines.contains(name) {
            return Some(module.file);
        }
        for import in module.uses.iter().filter(|u| u.name == name && name != "*") {
            let whole: Vec<String> = import.path.iter().chain(rest).cloned().collect();
            if let Some(file) = self.resolve(at, &whole, hops) {
                return Some(file);
            }
        }
        let globs = module.uses.iter().filter(|u| u.name == "*");
        globs.filter_map(|g| self.module_of(at, g.path.split_last()?.1)).find_map(|target| {
            let child = self.modules.get(target)?.children.get(name);
            match child {
                Some(child) => self.look(*child, rest, hops),
                None => self.provided(target, name, rest, hops),
            }
        })
    }

    fn module_of(&self, from: usize, path: &[String]) -> Option<usize> {
        path.iter().enumerate().try_fold(from, |at, (i, segment)| {
            let module = self.modules.get(at)?;
            match segment.as_str() {
                "crate" if i == 0 => Some(0),
                "self" => Some(at),
                "super" => module.parent,
                name => module.children.get(name).copied(),
            }
        })
    }
}

/// The directory of the children of the module `name` whose file is `path`.
fn child_directory(path: &Utf8Path, name: &str) -> Utf8PathBuf {
    let parent = path.parent().map(Utf8Path::to_owned).unwrap_or_default();
    if path.file_name() == Some("mod.rs") { parent } else { parent.join(name) }
}

/// The value of `#[path = "..."]` just before the `mod` at `at`; literals are blank in tokens, so the text is asked.
fn path_attribute(tokens: &[Token<'_>], at: usize, source: &Source) -> Option<String> {
    let open = (0..at).rev().take(8).find(|i| text_at(tokens, *i) == "#")?;
    if text_at(tokens, open + 2) != "path" {
        return None;
    }
    let from = tokens.get(open)?.at;
    let text = source.text.get(from..tokens.get(at)?.at)?;
    text.split('"').nth(1).map(str::to_owned)
}
