//! The file that the plugin `qemu-count` writes.

/// One translation block, as often as it ran in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub start: u64,
    pub count: u64,
    /// How often the branch at its end was taken.
    pub taken: u64,
    /// Further bus transfers of unaligned loads.
    pub wait: u64,
    /// The bytes of each instruction.
    pub codes: Vec<Vec<u8>>,
}

/// What ran between two markers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    pub blocks: Vec<Block>,
}

impl Window {
    /// Executed instructions.
    pub fn instructions(&self) -> u64 {
        let each = self.blocks.iter();
        each.map(|block| block.count * block.codes.len() as u64)
            .sum()
    }

    /// Instructions executed at addresses in the range: how much of the window a function is.
    pub fn instructions_in(&self, addresses: &std::ops::Range<u64>) -> u64 {
        let mut sum = 0;
        for block in &self.blocks {
            let mut address = block.start;
            for code in &block.codes {
                sum += if addresses.contains(&address) {
                    block.count
                } else {
                    0
                };
                address += code.len() as u64;
            }
        }
        sum
    }

    /// How often the address was executed.
    pub fn executions_of(&self, address: u64) -> u64 {
        self.instructions_in(&(address..address + 1))
    }
}

/// A line that the plugin does not write.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the counts is not the plugin's: {text}")]
pub struct CountsError {
    pub line: usize,
    pub text: String,
}

/// The windows of a file, in the order in which they closed.
///
/// # Errors
/// A line that the plugin does not write.
pub fn read(text: &str) -> Result<Vec<Window>, CountsError> {
    let mut windows: Vec<Window> = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let understood = match text {
            "window" => {
                windows.push(Window::default());
                Some(())
            }
            _ => block(text)
                .zip(windows.last_mut())
                .map(|(block, window)| window.blocks.push(block)),
        };
        understood.ok_or_else(|| CountsError {
            line,
            text: text.to_owned(),
        })?;
    }
    Ok(windows)
}

fn block(line: &str) -> Option<Block> {
    let mut words = line.strip_prefix("B ")?.split(' ');
    let start = u64::from_str_radix(words.next()?, 16).ok()?;
    let mut number = || words.next()?.parse().ok();
    let (count, taken, wait) = (number()?, number()?, number()?);
    Some(Block {
        start,
        count,
        taken,
        wait,
        codes: words.map(bytes).collect::<Option<_>>()?,
    })
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    rest.is_empty()
        .then(|| pairs.iter().map(byte).collect())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_the_plugin() {
        let windows =
            read("window\nB 8000 3 2 0 7047 00f0d0d0\nB 8010 1 0 0 00bf\nwindow\n").unwrap();
        assert_eq!(windows.len(), 2);
        assert_eq!(windows[0].instructions(), 7);
        assert_eq!(windows[0].instructions_in(&(0x8002..0x8011)), 4);
        assert_eq!(windows[0].executions_of(0x8002), 3);
        assert_eq!(windows[0].blocks[0].codes[1], [0x00, 0xf0, 0xd0, 0xd0]);
        assert_eq!(windows[1], Window::default());
    }

    #[test]
    fn what_is_not_the_plugins() {
        for text in ["B 8000 1 0 0 7047", "window\nB 8000 1 0 0 704", "window\nX"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
