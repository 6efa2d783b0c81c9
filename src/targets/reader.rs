//! Reads the members of a document and collects the problems, each with its place.

use std::fmt::Display;
use std::sync::Arc;

use super::check::Check;
use super::json::Node;
use super::quote;
use crate::error::DocumentProblem;

/// The length of the longest name that a place shows in full. A secret access key is longer.
const MAX_SHOWN_NAME: usize = 32;

/// A member that a target inherits, switches off with `null`, or has itself.
#[derive(Clone, Debug)]
pub(super) enum Setting<T> {
    Inherited,
    None,
    Own(T),
}

impl<T: Clone> Setting<T> {
    /// Returns the value, given the inherited one.
    pub(super) fn over(self, inherited: Option<&T>) -> Option<T> {
        match self {
            Self::Inherited => inherited.cloned(),
            Self::None => None,
            Self::Own(value) => Some(value),
        }
    }
}

/// An object of the document.
#[derive(Clone, Copy)]
pub(super) struct Object<'a> {
    pub(super) place: &'a str,
    pub(super) members: &'a [(String, Node)],
}

impl<'a> Object<'a> {
    /// Returns a member. If it is repeated, that is a problem, and the first one counts.
    pub(super) fn get(self, name: &str) -> Option<&'a Node> {
        let member = self.members.iter().find(|(known, _)| known == name);
        member.map(|(_, node)| node)
    }

    /// Returns the place of a member.
    pub(super) fn place_of(self, name: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        match self.place {
            _ if name.is_empty() || name.len() > MAX_SHOWN_NAME || !name.chars().all(plain) => {
                format!("{}[{}]", self.place, quote(name))
            }
            "" => name.to_owned(),
            place => format!("{place}.{name}"),
        }
    }
}

/// The maximum number of problems that are listed.
const MAX_PROBLEMS: usize = 100;

/// Collects the problems of a document.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) problems: Vec<DocumentProblem>,
    /// The number of problems beyond [`MAX_PROBLEMS`].
    more: usize,
}

impl Reader {
    pub(super) fn problem(&mut self, place: impl Into<String>, problem: impl Display) {
        if self.problems.len() == MAX_PROBLEMS {
            self.more += 1;
            return;
        }
        self.problems.push(DocumentProblem {
            place: place.into(),
            problem: problem.to_string(),
        });
    }

    /// Returns the problems, and how many more there are.
    pub(super) fn into_problems(mut self) -> Vec<DocumentProblem> {
        if self.more > 0 {
            self.problems.push(DocumentProblem {
                place: DOCUMENT.to_owned(),
                problem: format!("has {} more problems", self.more),
            });
        }
        self.problems
    }

    /// Returns an object with only these members, each at most once.
    pub(super) fn object<'a>(
        &mut self,
        place: &'a str,
        node: &'a Node,
        known: &[&str],
    ) -> Option<Object<'a>> {
        let object = self.any_object(place, node)?;
        for (name, _) in object.members {
            if !known.contains(&name.as_str()) {
                let expected = known.join(", ");
                let problem = format!("is an unknown member; expected {expected}");
                self.problem(object.place_of(name), problem);
            }
        }
        Some(object)
    }

    /// Returns an object whose members have different names.
    pub(super) fn any_object<'a>(&mut self, place: &'a str, node: &'a Node) -> Option<Object<'a>> {
        let Node::Object(members) = node else {
            let shown = if place.is_empty() { DOCUMENT } else { place };
            self.problem(shown, format!("is {}; expected an object", node.kind()));
            return None;
        };
        let object = Object { place, members };
        let mut names = members.iter().map(|(name, _)| name).collect::<Vec<_>>();
        names.sort();
        for pair in names.windows(2).filter(|pair| pair[0] == pair[1]) {
            let problem = "is repeated; expected each member once";
            self.problem(object.place_of(pair[0]), problem);
        }
        Some(object)
    }

    /// Returns the items of a list that must not be empty.
    pub(super) fn list<'a>(&mut self, object: Object<'a>, name: &str, of: &str) -> &'a [Node] {
        match object.get(name) {
            Some(Node::List(items)) if !items.is_empty() => items,
            other => {
                let problem = format!("{}; expected a list of {of}", describe(other));
                self.problem(object.place_of(name), problem);
                &[]
            }
        }
    }

    /// Returns a text that must be present.
    pub(super) fn text<'a>(&mut self, object: Object<'a>, name: &str) -> Option<&'a str> {
        match object.get(name) {
            Some(Node::Text(text)) if !text.is_empty() => Some(text),
            other => {
                let problem = format!("{}; expected a string", describe(other));
                self.problem(object.place_of(name), problem);
                None
            }
        }
    }

    /// Returns a text that must be present and pass a check.
    pub(super) fn checked<'a>(
        &mut self,
        object: Object<'a>,
        name: &str,
        check: fn(&str) -> Check,
    ) -> Option<&'a str> {
        let text = self.text(object, name)?;
        match check(text) {
            Ok(()) => Some(text),
            Err(problem) => {
                self.problem(object.place_of(name), problem);
                None
            }
        }
    }

    /// Returns a text that is inherited if it is absent or empty.
    pub(super) fn setting(
        &mut self,
        object: Object<'_>,
        name: &str,
        check: fn(&str) -> Check,
    ) -> Setting<Arc<str>> {
        match object.get(name) {
            None => Setting::Inherited,
            Some(Node::Null) => Setting::None,
            Some(Node::Text(text)) if text.is_empty() => Setting::Inherited,
            Some(Node::Text(text)) => {
                if let Err(problem) = check(text) {
                    self.problem(object.place_of(name), problem);
                }
                Setting::Own(text.as_str().into())
            }
            Some(other) => {
                let problem = format!("is {}; expected a string or null", other.kind());
                self.problem(object.place_of(name), problem);
                Setting::Inherited
            }
        }
    }

    /// Returns whether to merge, if the object says so.
    pub(super) fn merge(&mut self, object: Object<'_>) -> Option<bool> {
        match object.get("merge")? {
            Node::Bool(merge) => return Some(*merge),
            other => {
                let problem = format!("is {}; expected true or false", other.kind());
                self.problem(object.place_of("merge"), problem);
            }
        }
        None
    }
}

/// Returns what is wrong with a member that must have another value.
fn describe(node: Option<&Node>) -> String {
    match node {
        None => "is missing".to_owned(),
        Some(Node::Text(text)) if text.is_empty() => "is empty".to_owned(),
        Some(Node::List(items)) if items.is_empty() => "is empty".to_owned(),
        Some(other) => format!("is {}", other.kind()),
    }
}

/// The place of a problem of the whole document.
pub(super) const DOCUMENT: &str = "document";
