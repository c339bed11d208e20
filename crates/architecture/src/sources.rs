//! The source files of a crate and the imports between them.
//!
//! An import is any path that begins with `crate`, `super`, `self`, the crate's own name, or a child module, in a `use`
//! or in an expression. Code under `#[cfg(test)]`, test modules in files of their own, and the text inside of macros
//! are not read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use syn::visit::{self, Visit};

/// The files of one crate.
#[derive(Debug, Default)]
pub struct Sources {
    /// For each file, by its path under `src`, the files that it imports.
    pub imports: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
}

/// Why the sources of a crate could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// A file or directory could not be read.
    #[error("{path}: {source}", path = path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is not valid Rust.
    #[error("{path}: {source}", path = path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The parser's message.
        source: syn::Error,
    },
}

impl Sources {
    /// Reads the sources in `src` of the crate called `name`.
    ///
    /// # Errors
    /// A file cannot be read or parsed.
    pub fn read(name: &str, src: &Path) -> Result<Self, SourcesError> {
        let mut files = Vec::new();
        list(src, &mut files)?;
        let modules: BTreeMap<Vec<String>, PathBuf> = files
            .iter()
            .filter_map(|file| {
                let file = file.strip_prefix(src).ok()?;
                Some((module_of(file), file.to_owned()))
            })
            .filter(|(module, _)| !is_test(module))
            .collect();
        let mut imports = BTreeMap::new();
        for (module, file) in &modules {
            let path = src.join(file);
            let text = fs::read_to_string(&path).map_err(|source| SourcesError::Read {
                path: path.clone(),
                source,
            })?;
            let parsed = syn::parse_file(&text).map_err(|source| SourcesError::Parse { path, source })?;
            let mut reader = Reader {
                name: name.replace('-', "_"),
                modules: &modules,
                module: module.clone(),
                file,
                found: BTreeSet::new(),
            };
            reader.visit_file(&parsed);
            imports.insert(file.clone(), reader.found);
        }
        Ok(Self { imports })
    }
}

/// The room of a file: the first part of its path under `src`, without `.rs`.
pub fn room_of(file: &Path) -> String {
    let first = file
        .components()
        .next()
        .map(|first| first.as_os_str().to_string_lossy());
    let first = first.unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}

fn list(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), SourcesError> {
    let read = |source| SourcesError::Read {
        path: directory.to_owned(),
        source,
    };
    for entry in fs::read_dir(directory).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// The path of the module in a file. `lib.rs` and `mod.rs` are the module of their directory. A binary is a module of
/// its own name, since it is a crate that imports this one by name.
fn module_of(file: &Path) -> Vec<String> {
    let mut parts: Vec<String> = file
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") || parts == ["lib"] {
        parts.pop();
    }
    parts
}

fn is_test(module: &[String]) -> bool {
    module.iter().any(|part| part == "tests" || part.ends_with("_tests"))
}

struct Reader<'a> {
    /// The crate's name in a path.
    name: String,
    modules: &'a BTreeMap<Vec<String>, PathBuf>,
    /// The module that is being read, inline modules included.
    module: Vec<String>,
    file: &'a Path,
    found: BTreeSet<PathBuf>,
}

impl Reader<'_> {
    /// Adds the file that a path leads to: that of the longest part of the path that is a module.
    fn add(&mut self, path: &[String]) {
        let Some(first) = path.first() else { return };
        let mut absolute: Vec<String> = match first.as_str() {
            "super" | "self" => self.module.clone(),
            first if first == "crate" || first == self.name => Vec::new(),
            first => {
                let mut child = self.module.clone();
                child.push(first.to_owned());
                if !self.modules.contains_key(&child) {
                    return;
                }
                self.module.clone()
            }
        };
        for part in path {
            match part.as_str() {
                "super" => drop(absolute.pop()),
                "crate" | "self" => {}
                part if absolute.is_empty() && part == self.name => {}
                part => absolute.push(part.to_owned()),
            }
        }
        while !absolute.is_empty() || self.modules.contains_key(&absolute) {
            if let Some(file) = self.modules.get(&absolute) {
                // The root only declares the modules, and re-exports what others may use.
                if file != self.file && !absolute.is_empty() {
                    self.found.insert(file.clone());
                }
                return;
            }
            absolute.pop();
        }
    }

    fn add_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.add(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.add(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.add(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(before, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.module.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&[], &item.tree);
    }

    // `pub(in path)` names a place and imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let parts: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
            self.add(&parts);
        }
        visit::visit_path(self, path);
    }
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|condition| condition == "test")
    })
}
