//! The functions of QEMU's plugin API that are used, by their documented signatures.

use std::ffi::{c_char, c_int, c_uint, c_void};

pub type PluginId = u64;
pub type MemInfo = u32;

/// A translation block, QEMU's own.
#[repr(C)]
pub struct Tb {
    _opaque: [u8; 0],
}

/// An instruction of a block, QEMU's own.
#[repr(C)]
pub struct TbInsn {
    _opaque: [u8; 0],
}

/// What QEMU says of itself: the beginning of it.
#[repr(C)]
pub struct Info {
    pub target_name: *const c_char,
}

/// The callback reads no registers.
pub const CB_NO_REGS: c_int = 0;
/// Called for loads.
pub const MEM_R: c_int = 1;

unsafe extern "C" {
    pub fn qemu_plugin_register_vcpu_tb_trans_cb(
        id: PluginId,
        callback: extern "C" fn(PluginId, *mut Tb),
    );
    pub fn qemu_plugin_register_vcpu_tb_exec_cb(
        tb: *mut Tb,
        callback: extern "C" fn(c_uint, *mut c_void),
        flags: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_mem_cb(
        insn: *mut TbInsn,
        callback: extern "C" fn(c_uint, MemInfo, u64, *mut c_void),
        flags: c_int,
        accesses: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_atexit_cb(
        id: PluginId,
        callback: extern "C" fn(PluginId, *mut c_void),
        data: *mut c_void,
    );
    pub fn qemu_plugin_tb_n_insns(tb: *const Tb) -> usize;
    pub fn qemu_plugin_tb_get_insn(tb: *const Tb, index: usize) -> *mut TbInsn;
    pub fn qemu_plugin_insn_vaddr(insn: *const TbInsn) -> u64;
    pub fn qemu_plugin_insn_size(insn: *const TbInsn) -> usize;
    pub fn qemu_plugin_insn_data(insn: *const TbInsn) -> *const c_void;
    pub fn qemu_plugin_mem_size_shift(info: MemInfo) -> c_uint;
}
