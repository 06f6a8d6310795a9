//! What a firmware takes of each memory region, and which functions are in it.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use object::{
    LittleEndian,
    elf::{FileHeader32, PT_LOAD, SHF_ALLOC, SHT_NOBITS, SHT_SYMTAB, STT_FUNC},
    read::elf::{FileHeader, ProgramHeader, SectionHeader, Sym},
};

use crate::memory::Region;

/// Sections that only mark what is left over.
const LEFT_OVER: [&[u8]; 2] = [b".heap", b".stack"];

/// Bytes used in each of the regions, in their order: what is placed there, and what is loaded there to be copied
/// elsewhere at the start (initialised statics take RAM and flash).
pub fn sizes(elf: &Path, regions: &[Region]) -> Result<Vec<u64>> {
    let data = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    sizes_of(&data, regions)
        .with_context(|| format!("cannot read {} as an ELF file", elf.display()))
}

fn sizes_of(data: &[u8], regions: &[Region]) -> Result<Vec<u64>> {
    let endian = LittleEndian;
    let header = FileHeader32::<LittleEndian>::parse(data)?;
    let segments = header.program_headers(endian, data)?;
    let sections = header.sections(endian, data)?;
    let mut used = vec![0; regions.len()];
    let mut add = |address: u64, size: u64| {
        let region = regions
            .iter()
            .position(|region| region.addresses.contains(&address));
        if let Some(region) = region {
            used[region] += size;
        }
        region
    };
    for section in sections.iter() {
        let flags = section.sh_flags(endian);
        if flags & SHF_ALLOC == 0 || LEFT_OVER.contains(&sections.section_name(endian, section)?) {
            continue;
        }
        let (address, size) = (
            u64::from(section.sh_addr(endian)),
            u64::from(section.sh_size(endian)),
        );
        let placed = add(address, size);
        let segment = segments.iter().find(|segment| {
            let start = u64::from(segment.p_vaddr(endian));
            segment.p_type(endian) == PT_LOAD
                && (start..start + u64::from(segment.p_memsz(endian))).contains(&address)
        });
        if let Some(segment) = segment
            && section.sh_type(endian) != SHT_NOBITS
        {
            let loaded =
                address - u64::from(segment.p_vaddr(endian)) + u64::from(segment.p_paddr(endian));
            if regions
                .iter()
                .position(|region| region.addresses.contains(&loaded))
                != placed
            {
                add(loaded, size);
            }
        }
    }
    Ok(used)
}

/// Bytes of code and of constants that a program loads, wherever it is linked to.
pub fn loaded(elf: &Path) -> Result<u64> {
    let data = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    loaded_of(&data).with_context(|| format!("cannot read {} as an ELF file", elf.display()))
}

fn loaded_of(data: &[u8]) -> Result<u64> {
    let endian = LittleEndian;
    let header = FileHeader32::<LittleEndian>::parse(data)?;
    let sections = header.sections(endian, data)?;
    let loaded = sections.iter().filter(|section| {
        section.sh_flags(endian) & SHF_ALLOC != 0 && section.sh_type(endian) != SHT_NOBITS
    });
    Ok(loaded
        .map(|section| u64::from(section.sh_size(endian)))
        .sum())
}

/// The mangled names of a program's functions.
pub fn functions(elf: &Path) -> Result<Vec<String>> {
    let data = fs::read(elf).with_context(|| format!("cannot read {}", elf.display()))?;
    functions_of(&data).with_context(|| format!("cannot read {} as an ELF file", elf.display()))
}

fn functions_of(data: &[u8]) -> Result<Vec<String>> {
    let endian = LittleEndian;
    let header = FileHeader32::<LittleEndian>::parse(data)?;
    let sections = header.sections(endian, data)?;
    let symbols = sections.symbols(endian, data, SHT_SYMTAB)?;
    let functions = symbols.iter().filter(|symbol| symbol.st_type() == STT_FUNC);
    functions
        .map(|symbol| {
            let name = symbol.name(endian, symbols.strings())?;
            Ok(String::from_utf8_lossy(name).into_owned())
        })
        .collect()
}
