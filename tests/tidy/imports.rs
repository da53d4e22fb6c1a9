//! The imports of a crate: which file uses which other.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use syn::{
    Attribute, Item, ItemMod, ItemUse, UseTree, Visibility,
    visit::{self, Visit},
};

/// The path of a module from the root of its crate, such as `["relay", "window"]`.
pub(crate) type Module = Vec<String>;

/// The files of a crate that are not tests.
pub(crate) struct Crate {
    files: BTreeMap<Module, Contents>,
}

/// The imports of a file.
#[derive(Default)]
struct Contents {
    /// The module that is being read: inline modules have longer paths than their file.
    module: Module,
    /// Paths that begin with `crate`, `super`, `self` or a child module, and the module in which they stand.
    used: Vec<(Module, Vec<String>)>,
    /// Names that are made public again, and their origin.
    reexported: BTreeMap<String, Vec<String>>,
    /// Modules that are compiled for tests alone.
    tests: BTreeSet<Module>,
}

impl Crate {
    pub(crate) fn read(source: &Path) -> Self {
        let mut files = BTreeMap::new();
        for path in crate::files(source, "rs") {
            let relative = path.strip_prefix(source).expect("a file below the folder").with_extension("");
            let mut module: Module =
                relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
                module.pop();
            }
            let mut contents = Contents { module: module.clone(), ..Contents::default() };
            let file =
                syn::parse_file(&crate::read(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            contents.visit_file(&file);
            files.insert(module, contents);
        }
        let tests: Vec<Module> = files.values().flat_map(|contents| contents.tests.clone()).collect();
        files.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Self { files }
    }

    /// Each file, and the files that it uses. A file and the folder of its own parts count as one.
    pub(crate) fn arrows(&self) -> BTreeSet<(Module, Module)> {
        let mut arrows = BTreeSet::new();
        for (file, contents) in &self.files {
            for (module, path) in &contents.used {
                let Some(used) = self.absolute(module, path).map(|path| self.origin(&path, 8)) else { continue };
                if !used.starts_with(file) && !file.starts_with(&used) {
                    arrows.insert((file.clone(), used));
                }
            }
        }
        arrows
    }

    /// The path from the root of the crate; nothing for another crate's.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Vec<String>> {
        let up = path.iter().take_while(|part| *part == "super").count();
        let (mut base, rest) = match path.first()?.as_str() {
            "crate" => (Module::new(), &path[1..]),
            "self" => (module.clone(), &path[1..]),
            "super" => (module[..module.len().checked_sub(up)?].to_vec(), &path[up..]),
            child => {
                let is_child = self.files.contains_key(&[module.as_slice(), &[child.to_owned()]].concat());
                (module.clone(), is_child.then_some(path)?)
            }
        };
        base.extend(rest.iter().cloned());
        Some(base)
    }

    /// The file that has the definition, through the files that make it public again.
    fn origin(&self, path: &[String], steps: usize) -> Module {
        let longest = (0..=path.len()).rev().find(|length| self.files.contains_key(&path[..*length]));
        let (file, rest) = path.split_at(longest.expect("a crate has a root"));
        let reexported = rest.first().and_then(|name| self.files[file].reexported.get(name));
        match reexported.and_then(|origin| self.absolute(&file.to_vec(), origin)) {
            Some(origin) if 0 < steps && origin != path => self.origin(&origin, steps - 1),
            _ => file.to_vec(),
        }
    }
}

impl Contents {
    fn take(&mut self, tree: &UseTree, before: &[String], is_public: bool) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.take(&path.tree, &with(path.ident.to_string()), is_public),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.take(item, before, is_public)),
            UseTree::Glob(_) => self.used.push((self.module.clone(), before.to_vec())),
            UseTree::Name(name) => self.name(with(name.ident.to_string()), name.ident.to_string(), is_public),
            UseTree::Rename(name) => self.name(with(name.ident.to_string()), name.rename.to_string(), is_public),
        }
    }

    fn name(&mut self, path: Vec<String>, name: String, is_public: bool) {
        if is_public {
            self.reexported.insert(name, path.clone());
        }
        self.used.push((self.module.clone(), path));
    }
}

impl<'ast> Visit<'ast> for Contents {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => &[],
        };
        if !attributes.iter().any(is_for_tests) {
            visit::visit_item(self, item);
        } else if let Item::Mod(item) = item {
            self.tests.insert([self.module.as_slice(), &[item.ident.to_string()]].concat());
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.take(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if 1 < parts.len() {
            self.used.push((self.module.clone(), parts));
        }
        visit::visit_path(self, path);
    }
}

/// `#[cfg(test)]`, also within `all(..)`.
fn is_for_tests(attribute: &Attribute) -> bool {
    let mut is_for_tests = false;
    if attribute.path().is_ident("cfg") {
        // Any other condition is not of interest here.
        let _ = attribute.parse_nested_meta(|meta| {
            is_for_tests |= meta.path.is_ident("test");
            if meta.path.is_ident("all") {
                meta.parse_nested_meta(|inner| {
                    is_for_tests |= inner.path.is_ident("test");
                    if inner.input.peek(syn::Token![=]) {
                        inner.value()?.parse::<syn::Lit>()?;
                    } else if inner.input.peek(syn::token::Paren) {
                        inner.parse_nested_meta(|_| Ok(()))?;
                    }
                    Ok(())
                })?;
            }
            Ok(())
        });
    }
    is_for_tests
}
