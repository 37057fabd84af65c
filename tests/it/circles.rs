//! No file imports another that imports the first again, by whatever way round, within one room.

use std::collections::{BTreeMap, BTreeSet};

use crate::rooms::sources;

type Module = Vec<String>;

/// Who imports whom, by the paths of files.
type Edges = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_circle_of_imports_lies_between_the_files_of_a_room() {
    let files = sources().into_iter().filter(|(file, _)| !file.starts_with("session/model"));
    let edges = edges(&files.collect::<Vec<_>>());
    assert!(edges.values().map(BTreeSet::len).sum::<usize>() > 200, "it has gone blind");
    let circles: Vec<_> = edges.keys().filter_map(|file| circle_from(file, &edges)).collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn a_circle_is_found_through_re_exports_and_an_index_is_none() {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let made_up = |back: &str| {
        edges(&[
            file("room/mod.rs", "mod a;\nmod b;\nmod c;\npub use self::{a::A, b::{B, C as D}};\n"),
            file("room/a.rs", "use super::B;\n"),
            file("room/b.rs", "use super::c::{self, E};\n"),
            file("room/c.rs", back),
        ])
    };
    let circle = made_up("use crate::room::A;\n");
    assert_eq!(
        circle_from("room/a.rs", &circle).unwrap(),
        "room/a.rs > room/b.rs > room/c.rs > room/a.rs"
    );
    for harmless in ["use crate::other::A;\n", "use super::D;\n// use super::A;\n"] {
        let none = made_up(harmless);
        assert_eq!(circle_from("room/a.rs", &none), None, "{harmless}");
    }
    assert!(circle_from("room/b.rs", &made_up("use super::D;\n")).is_some(), "D is of b");
}

/// The imports between files of the same room. A re-export stands for the file that it names.
fn edges(files: &[(String, String)]) -> Edges {
    let modules: BTreeMap<Module, &str> =
        files.iter().map(|(file, _)| (module_of(file), file.as_str())).collect();
    let mut exported: BTreeMap<(Module, String), Module> = BTreeMap::new();
    for (file, text) in files {
        let module = module_of(file);
        for (path, name, _) in imports(text, &module) {
            let (_, item) = path.split_at(path.len() - 1);
            if item != ["self"] && path.starts_with(&module) {
                exported.insert((module.clone(), name), path.clone());
            }
        }
    }
    let mut edges = Edges::new();
    for (file, text) in files {
        let module = module_of(file);
        for (path, _, is_export) in imports(text, &module) {
            let Some(target) = resolve(path, &modules, &exported) else { continue };
            let same_room = target.split('/').next() == file.split('/').next();
            // A room's index names its files: that is what it is for.
            if same_room && target != *file && !(is_export && file.ends_with("mod.rs")) {
                edges.entry(file.clone()).or_default().insert(target);
            }
        }
    }
    edges
}

/// The file that a path leads into.
fn resolve(
    mut path: Module,
    modules: &BTreeMap<Module, &str>,
    exported: &BTreeMap<(Module, String), Module>,
) -> Option<String> {
    for _ in 0..8 {
        let at = (1..=path.len()).rev().find(|length| modules.contains_key(&path[..*length]))?;
        let module = path[..at].to_vec();
        let next = path.get(at).and_then(|name| exported.get(&(module.clone(), name.clone())));
        match next {
            Some(there) if *there != path => path = there.clone(),
            _ => return modules.get(&module).map(|file| (*file).to_owned()),
        }
    }
    None
}

fn circle_from(start: &str, edges: &Edges) -> Option<String> {
    let (mut waiting, mut seen) = (vec![vec![start.to_owned()]], BTreeSet::new());
    while let Some(way) = waiting.pop() {
        for next in edges.get(way.last().unwrap()).into_iter().flatten() {
            let longer = [way.clone(), vec![next.clone()]].concat();
            if next == start {
                return Some(longer.join(" > "));
            }
            if seen.insert(next.clone()) {
                waiting.push(longer);
            }
        }
    }
    None
}

fn module_of(file: &str) -> Module {
    let parts = file.trim_end_matches(".rs").split('/').map(str::to_owned);
    parts.filter(|part| part != "mod" && part != "lib").collect()
}

/// Every path of every `use`, whole, with the name that it gets and whether it is exported.
fn imports(text: &str, module: &Module) -> Vec<(Module, String, bool)> {
    let mut found = Vec::new();
    for statement in text.split(';') {
        let Some((before, tree)) = statement.rsplit_once("use ") else { continue };
        let line = before.rsplit('\n').next().unwrap().trim();
        let is_export = line.starts_with("pub");
        if !(line.is_empty() || is_export) || tree.contains("//") {
            continue;
        }
        for path in flat(&tree.split_whitespace().collect::<Vec<_>>().join(" ")) {
            let (path, name) = match path.split_once(" as ") {
                Some((path, name)) => (path.to_owned(), name.to_owned()),
                None => (path.clone(), path.rsplit("::").next().unwrap().to_owned()),
            };
            let mut parts: Module = path.split("::").map(|part| part.trim().to_owned()).collect();
            let mut base = module.clone();
            match parts[0].as_str() {
                "crate" => base.clear(),
                "self" => {}
                "super" => {
                    while parts.get(1).is_some_and(|part| part == "super") {
                        base.pop();
                        parts.remove(0);
                    }
                    base.pop();
                }
                _ => continue,
            }
            parts.remove(0);
            if parts.last().is_some_and(|part| part == "self") {
                parts.pop();
            }
            found.push(([base, parts].concat(), name, is_export));
        }
    }
    found
}

/// The paths of a tree of imports, without braces.
fn flat(tree: &str) -> Vec<String> {
    let Some((prefix, rest)) = tree.split_once('{') else { return vec![tree.trim().to_owned()] };
    let group = rest.trim_end().strip_suffix('}').unwrap_or(rest);
    let (mut depth, mut begin, mut parts) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[begin..]);
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts.flat_map(flat).map(|part| format!("{}{part}", prefix.trim())).collect()
}
