//! One node's attributes: strings such as "3", "(3,)", "True", "0.001", "None".

use std::collections::BTreeMap;

use crate::Error;

/// The attributes of a node that nobody has read yet.
pub(super) struct Attrs<'a> {
    node: &'a str,
    left: BTreeMap<&'a str, &'a str>,
}

impl<'a> Attrs<'a> {
    /// Where a key comes twice, the later one counts.
    pub fn new(node: &'a str, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        Attrs {
            node,
            left: pairs.collect(),
        }
    }

    /// The name of the node.
    pub fn node(&self) -> &'a str {
        self.node
    }

    /// That all have been read. Attributes `__of_the_user__` may stay, and hints on where to run.
    pub fn finish(&self, op: &str) -> Result<(), Error> {
        const ELSEWHERE: [&str; 5] = [
            "ctx_group",
            "force_mirroring",
            "mirror_stage",
            "lr_mult",
            "wd_mult",
        ];
        let of_user = |key: &str| key.starts_with("__") && key.ends_with("__");
        match self
            .left
            .keys()
            .find(|key| !of_user(key) && !ELSEWHERE.contains(key))
        {
            Some(key) => Err(self.wrong(&format!(
                "{op} has an attribute {key}, which is not supported"
            ))),
            None => Ok(()),
        }
    }

    fn wrong(&self, what: &str) -> Error {
        Error::symbol(self.node, what)
    }

    /// The value of `key` if it is there and not "None", as `parse` reads it.
    fn optional<T>(
        &mut self,
        key: &str,
        kind: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        match self.left.remove(key).map(str::trim) {
            None | Some("None") => Ok(None),
            Some(text) => match parse(text) {
                Some(value) => Ok(Some(value)),
                None => Err(self.wrong(&format!("{key} = {text:?} is not {kind}"))),
            },
        }
    }

    pub fn optional_text(&mut self, key: &str) -> Result<Option<String>, Error> {
        self.optional(key, "text", |text| Some(text.to_owned()))
    }

    pub fn optional_int(&mut self, key: &str) -> Result<Option<i64>, Error> {
        self.optional(key, "a whole number", int)
    }

    pub fn optional_float(&mut self, key: &str) -> Result<Option<f32>, Error> {
        let finite = |text: &str| text.parse::<f32>().ok().filter(|value| value.is_finite());
        self.optional(key, "a finite number", finite)
    }

    pub fn optional_bool(&mut self, key: &str) -> Result<Option<bool>, Error> {
        self.optional(key, "True or False", |text| match text {
            "True" | "true" | "1" => Some(true),
            "False" | "false" | "0" => Some(false),
            _ => None,
        })
    }

    /// "(2, 3)", "[2, 3]", "(2,)", "2" or "()".
    pub fn optional_ints(&mut self, key: &str) -> Result<Option<Vec<i64>>, Error> {
        self.optional(key, "a list of whole numbers", ints)
    }

    /// As [`Attrs::optional_ints`], of numbers that are not negative.
    pub fn optional_dims(&mut self, key: &str) -> Result<Option<Vec<usize>>, Error> {
        self.optional(key, "a shape", |text| {
            ints(text)?
                .into_iter()
                .map(|dim| usize::try_from(dim).ok())
                .collect()
        })
    }

    fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, Error> {
        value.ok_or_else(|| self.wrong(&format!("has no {key}")))
    }

    pub fn text(&mut self, key: &str) -> Result<String, Error> {
        let value = self.optional_text(key)?;
        self.required(key, value)
    }

    pub fn int(&mut self, key: &str) -> Result<i64, Error> {
        let value = self.optional_int(key)?;
        self.required(key, value)
    }

    pub fn float(&mut self, key: &str) -> Result<f32, Error> {
        let value = self.optional_float(key)?;
        self.required(key, value)
    }

    pub fn ints(&mut self, key: &str) -> Result<Vec<i64>, Error> {
        let value = self.optional_ints(key)?;
        self.required(key, value)
    }

    /// A positive size.
    pub fn size(&mut self, key: &str) -> Result<usize, Error> {
        let value = self.optional_size(key)?;
        self.required(key, value)
    }

    pub fn optional_size(&mut self, key: &str) -> Result<Option<usize>, Error> {
        let positive = |text: &str| int(text).and_then(|value| usize::try_from(value).ok());
        self.optional(key, "a positive size", |text| {
            positive(text).filter(|&size| size > 0)
        })
    }

    /// An axis from the front.
    pub fn index(&mut self, key: &str, default: usize) -> Result<usize, Error> {
        let value = self.optional(key, "an axis from the front", |text| {
            int(text).and_then(|value| usize::try_from(value).ok())
        })?;
        Ok(value.unwrap_or(default))
    }

    /// A yes-or-no attribute; false if it is not there.
    pub fn flag(&mut self, key: &str) -> Result<bool, Error> {
        Ok(self.optional_bool(key)?.unwrap_or(false))
    }

    /// A yes-or-no attribute that must be "no": tinpail does not have what it asks for.
    pub fn refuse(&mut self, key: &str) -> Result<(), Error> {
        match self.flag(key)? {
            false => Ok(()),
            true => Err(self.wrong(&format!("{key} = True is not supported"))),
        }
    }

    /// An attribute that must be absent (or "None"): tinpail does not have what it asks for.
    pub fn refuse_any(&mut self, key: &str) -> Result<(), Error> {
        match self.optional_text(key)? {
            None => Ok(()),
            Some(text) => Err(self.wrong(&format!("{key} = {text:?} is not supported"))),
        }
    }

    /// An attribute that must be absent or one of `values`.
    pub fn only(&mut self, key: &str, values: &[&str]) -> Result<(), Error> {
        match self.optional_text(key)? {
            Some(text) if !values.contains(&text.as_str()) => {
                Err(self.wrong(&format!("{key} = {text:?} is not supported")))
            }
            _ => Ok(()),
        }
    }

    /// An attribute without effect here.
    pub fn skip(&mut self, key: &str) {
        self.left.remove(key);
    }
}

fn int(text: &str) -> Option<i64> {
    // MXNet 1.x writes some integers as "3L" from Python 2.
    text.strip_suffix('L').unwrap_or(text).parse().ok()
}

fn ints(text: &str) -> Option<Vec<i64>> {
    let round = text
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'));
    let square = || {
        text.strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
    };
    let Some(inner) = round.or_else(square) else {
        return Some(vec![int(text)?]);
    };
    let inner = inner.trim();
    if inner.is_empty() {
        return Some(Vec::new());
    }
    let inner = inner.strip_suffix(',').unwrap_or(inner);
    inner.split(',').map(|item| int(item.trim())).collect()
}

#[cfg(test)]
mod tests {
    use super::{Attrs, ints};

    #[test]
    fn lists_of_numbers() {
        assert_eq!(ints("(2, -3)"), Some(vec![2, -3]));
        assert_eq!(ints("[2,3]"), Some(vec![2, 3]));
        assert_eq!(ints("(3,)"), Some(vec![3]));
        assert_eq!(ints("(3L,)"), Some(vec![3]));
        assert_eq!(ints("3"), Some(vec![3]));
        assert_eq!(ints("()"), Some(vec![]));
        for wrong in [
            "",
            "(",
            "(2",
            "2)",
            "(,)",
            "(2,,3)",
            "(2 3)",
            "[2)",
            "2.5",
            "99999999999999999999",
        ] {
            assert_eq!(ints(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn none_is_absent_and_the_rest_is_typed() {
        let pairs = [
            ("a", "None"),
            ("b", " 1 "),
            ("c", "nan"),
            ("d", "yes"),
            ("e", "-1"),
        ];
        let mut attrs = Attrs::new("node", pairs.into_iter());
        assert_eq!(attrs.optional_int("a").unwrap(), None);
        assert!(attrs.flag("b").unwrap());
        assert!(attrs.float("c").is_err());
        assert!(attrs.flag("d").is_err());
        assert_eq!(
            attrs.size("e").unwrap_err().to_string(),
            "node: e = \"-1\" is not a positive size"
        );
        assert_eq!(attrs.size("f").unwrap_err().to_string(), "node: has no f");
    }
}
