//! A QEMU TCG plugin (plugin API version 1) that counts what runs between two markers of a firmware.
//!
//! ```text
//! qemu-system-arm ... -plugin libqemu_count.so,out=FILE,start=ADDRESS,stop=ADDRESS
//! ```
//!
//! The markers are functions that are not inlined; their addresses are hexadecimal, without the Thumb bit. A window opens when
//! the start marker has returned and closes when the stop marker is entered: it holds the work and the call that closes it.
//! `FILE` then has one line `window` for each, followed by a line for each translation block that ran in it:
//!
//! ```text
//! B <address> <times it ran> <times the next block was not the one behind it in memory> <wait> <code> ...
//! ```
//!
//! `code` is one instruction, its bytes in hexadecimal; `wait` is how many further bus transfers unaligned loads took.
//!
//! One emulated core. A block that an exception leaves early counts in full; the firmware that is measured takes none.

mod api;
mod count;

use std::{
    ffi::{CStr, c_char, c_int, c_uint, c_void},
    fs::File,
    io::{BufWriter, Write as _},
    slice,
    sync::Mutex,
};

use count::{Block, Counter, Encoding, Insn};

#[unsafe(no_mangle)]
pub static qemu_plugin_version: c_int = 1;

struct State {
    instructions: Encoding,
    counter: Counter,
    out: BufWriter<File>,
}

static STATE: Mutex<Option<State>> = Mutex::new(None);

fn with_state(work: impl FnOnce(&mut State)) {
    // A callback that panicked has aborted QEMU, so the lock is never poisoned.
    if let Ok(mut state) = STATE.lock()
        && let Some(state) = state.as_mut()
    {
        work(state);
    }
}

/// Called by QEMU when it loads the plugin.
///
/// # Safety
/// `info` is QEMU's own; `argv` holds `argc` C strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: api::PluginId,
    info: *const api::Info,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let count = usize::try_from(argc).unwrap_or(0);
    let args = match count {
        0 => &[],
        // SAFETY: as QEMU documents its call.
        _ => unsafe { slice::from_raw_parts(argv, count) },
    };
    // SAFETY: as above.
    let args = args.iter().map(|arg| unsafe { CStr::from_ptr(*arg) });
    // SAFETY: as above.
    let target = unsafe { CStr::from_ptr((*info).target_name) };
    match start(args, target) {
        Ok(state) => *STATE.lock().unwrap_or_else(|lock| lock.into_inner()) = Some(state),
        Err(error) => {
            eprintln!("qemu-count: {error}");
            return -1;
        }
    }
    // SAFETY: the functions stay as long as the process.
    unsafe {
        api::qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
        api::qemu_plugin_register_atexit_cb(id, on_exit, std::ptr::null_mut());
    }
    0
}

fn start<'a>(args: impl Iterator<Item = &'a CStr>, target: &CStr) -> Result<State, String> {
    let instructions = match target.to_bytes() {
        b"arm" => Encoding::Thumb,
        b"riscv32" => Encoding::RiscV,
        _ => return Err(format!("{target:?} is not a target that it knows")),
    };
    let (mut out, mut start, mut stop) = (None, None, None);
    for arg in args {
        let arg = arg.to_str().map_err(|_| "an argument is not UTF-8")?;
        let address =
            |text: &str| u64::from_str_radix(text, 16).map_err(|_| format!("{arg}: no address"));
        match arg.split_once('=') {
            Some(("out", path)) => {
                out = Some(File::create(path).map_err(|error| format!("{path}: {error}"))?);
            }
            Some(("start", text)) => start = Some(address(text)?),
            Some(("stop", text)) => stop = Some(address(text)?),
            _ => return Err(format!("{arg} is not an argument")),
        }
    }
    Ok(State {
        instructions,
        counter: Counter::new(start.ok_or("no start=")?, stop.ok_or("no stop=")?),
        out: BufWriter::new(out.ok_or("no out=")?),
    })
}

extern "C" fn on_translate(_: api::PluginId, tb: *mut api::Tb) {
    with_state(|state| {
        // SAFETY: QEMU's block and its instructions, which live until this callback returns.
        let insns: Vec<_> = unsafe {
            (0..api::qemu_plugin_tb_n_insns(tb))
                .map(|at| api::qemu_plugin_tb_get_insn(tb, at))
                .collect()
        };
        let block = Block::new(
            insns
                .iter()
                // SAFETY: as above; data and size belong together.
                .map(|insn| unsafe {
                    let size = api::qemu_plugin_insn_size(*insn);
                    let data = api::qemu_plugin_insn_data(*insn).cast();
                    Insn {
                        address: api::qemu_plugin_insn_vaddr(*insn),
                        code: state
                            .instructions
                            .first(slice::from_raw_parts(data, size))
                            .to_vec(),
                    }
                })
                .collect(),
        );
        let index = state.counter.add(block);
        // SAFETY: the functions stay; what they are handed is a number.
        unsafe {
            let index = std::ptr::without_provenance_mut(index);
            api::qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, api::CB_NO_REGS, index);
            for insn in insns {
                api::qemu_plugin_register_vcpu_mem_cb(
                    insn,
                    on_load,
                    api::CB_NO_REGS,
                    api::MEM_R,
                    index,
                );
            }
        }
    });
}

extern "C" fn on_block(_cpu: c_uint, index: *mut c_void) {
    with_state(|state| {
        if state.counter.enter(index.addr()) {
            write_window(state);
        }
    });
}

extern "C" fn on_load(_cpu: c_uint, info: api::MemInfo, address: u64, index: *mut c_void) {
    // SAFETY: `info` is what QEMU handed over.
    let shift = unsafe { api::qemu_plugin_mem_size_shift(info) };
    if shift == 0 || address.trailing_zeros() >= shift {
        return;
    }
    with_state(|state| state.counter.unaligned_load(index.addr(), address, shift));
}

extern "C" fn on_exit(_: api::PluginId, _: *mut c_void) {
    with_state(|state| _ = state.out.flush());
}

fn write_window(state: &mut State) {
    let State { counter, out, .. } = state;
    // QEMU has no place for an error; a file that is cut short is missing its last window.
    _ = writeln!(out, "window");
    for block in counter.take_window() {
        _ = write!(
            out,
            "B {:x} {} {} {}",
            block.start, block.count, block.taken, block.wait
        );
        for code in block.codes {
            _ = out.write_all(b" ");
            for byte in code {
                _ = write!(out, "{byte:02x}");
            }
        }
        _ = writeln!(out);
    }
}
