//! The memory that a board's linker script grants.

use std::{fs, ops::Range, path::Path};

use anyhow::{Context, Result, ensure};

pub struct Region {
    pub name: String,
    pub addresses: Range<u64>,
}

/// The regions of a `memory.x`, in its order.
pub fn read(memory_x: &Path) -> Result<Vec<Region>> {
    let text = fs::read_to_string(memory_x)
        .with_context(|| format!("cannot read {}", memory_x.display()))?;
    let regions: Vec<Region> = text.lines().filter_map(parse).collect();
    ensure!(
        !regions.is_empty(),
        "{} names no regions",
        memory_x.display()
    );
    Ok(regions)
}

/// `NAME : ORIGIN = 0x20000000, LENGTH = 32K`
fn parse(line: &str) -> Option<Region> {
    let (name, rest) = line.split_once(':')?;
    let (origin, length) = rest.split_once(',')?;
    let value = |text: &str, key: &str| {
        number(
            text.trim()
                .strip_prefix(key)?
                .trim()
                .strip_prefix('=')?
                .trim(),
        )
    };
    let origin = value(origin, "ORIGIN")?;
    Some(Region {
        name: name.trim().to_owned(),
        addresses: origin..origin + value(length, "LENGTH")?,
    })
}

fn number(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    let (digits, unit) = match text.strip_suffix(['K', 'M']) {
        Some(digits) if text.ends_with('K') => (digits, 1 << 10),
        Some(digits) => (digits, 1 << 20),
        None => (text, 1),
    };
    Some(digits.parse::<u64>().ok()? * unit)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn regions_as_linker_scripts_write_them() {
        let region = parse("  RAM      : ORIGIN = 0x20000000, LENGTH = 32K").unwrap();
        assert_eq!(
            (region.name.as_str(), region.addresses),
            ("RAM", 0x2000_0000..0x2000_8000)
        );
        assert_eq!(
            parse("X : ORIGIN = 16, LENGTH = 2M").unwrap().addresses,
            16..16 + (2 << 20)
        );
        assert!(parse("  .testdata : ALIGN(16) { *(.testdata .testdata.*) } > TESTDATA").is_none());
        assert!(parse("REGION_ALIAS(\"REGION_DATA\", RAM);").is_none());
    }
}
