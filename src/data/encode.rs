//! Words as token ids: MXNet's `encode_sentences`, on the host.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// Ids by words.
pub type Vocab = BTreeMap<String, u16>;

/// How words get their ids: MXNet's arguments, by their names and with its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encode<'w> {
    /// No word gets this id; 0xFFFF is MXNet's -1.
    pub invalid_label: u16,
    /// The word that has it, in a new vocabulary.
    pub invalid_key: &'w str,
    /// The first id.
    pub start_label: u16,
    /// With a given vocabulary: the word that stands for all words that it does not have.
    pub unknown_token: Option<&'w str>,
}

impl Default for Encode<'_> {
    fn default() -> Self {
        Encode {
            invalid_label: 0xFFFF,
            invalid_key: "\n",
            start_label: 0,
            unknown_token: None,
        }
    }
}

/// Words cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The given vocabulary has no such word, and there is no `unknown_token`.
    #[error("unknown token {0}")]
    Unknown(String),
    /// There are more words than ids.
    #[error("there are more words than ids")]
    Full,
}

impl Encode<'_> {
    /// The ids of all words, and the vocabulary: a new one, with ids in the order of the words' first use, or the given one.
    ///
    /// MXNet adds `unknown_token` anew, with another id, for each unknown word, and its first id may be a word's; here it
    /// is added once, if the vocabulary lacks it, with the first free id.
    ///
    /// # Errors
    ///
    /// [`EncodeError`].
    pub fn sentences<S: AsRef<[W]>, W: AsRef<str>>(
        &self,
        sentences: &[S],
        vocab: Option<Vocab>,
    ) -> Result<(Vec<Vec<u16>>, Vocab), EncodeError> {
        let is_new = vocab.is_none();
        let mut vocab = vocab.unwrap_or_else(|| {
            let invalid = (self.invalid_key.to_owned(), self.invalid_label);
            Vocab::from([invalid])
        });
        let mut next = u32::from(self.start_label);
        let mut all = Vec::new();
        for sentence in sentences {
            let mut coded = Vec::new();
            for word in sentence.as_ref() {
                let word = word.as_ref();
                let word = match self.unknown_token {
                    _ if vocab.contains_key(word) => word,
                    Some(token) if !is_new => token,
                    _ if is_new => word,
                    _ => return Err(EncodeError::Unknown(word.to_owned())),
                };
                let id = match vocab.get(word) {
                    Some(id) => *id,
                    None => {
                        let is_free = |id: &u16| {
                            *id != self.invalid_label
                                && (is_new || vocab.values().all(|own| own != id))
                        };
                        let mut ids = next..=u32::from(u16::MAX);
                        let free = ids.find_map(|id| u16::try_from(id).ok().filter(is_free));
                        let id = free.ok_or(EncodeError::Full)?;
                        next = u32::from(id).saturating_add(1);
                        vocab.insert(word.to_owned(), id);
                        id
                    }
                };
                coded.push(id);
            }
            all.push(coded);
        }
        Ok((all, vocab))
    }
}
