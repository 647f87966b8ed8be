// SPDX-License-Identifier: Apache-2.0
//! wfworker's plugin ABI 1.0 as of <wfworker/plugin.h>, declared by hand; what this plugin uses has its types, the other functions of
//! the host are only there to keep their places.  The sizes are checked when it is compiled.
#![allow(dead_code)]

use std::os::raw::{c_char, c_int, c_void};
use std::mem::size_of;

/// Types that are only pointed to.
#[repr(C)]
pub struct Task {
    _private: [u8; 0],
}
#[repr(C)]
pub struct Value {
    _private: [u8; 0],
}

pub const OK: c_int = 0;
pub const NTS: usize = usize::MAX;
pub const EXEC_LOOP: u32 = 100;
pub const EFFECT_PURE: u32 = 300;

/// A function that is not used here.
pub type Unused = *const c_void;

#[repr(C)]
pub struct Abi {
    pub magic: [u8; 8],
    pub size: u32,
    pub major: u16,
    pub minor: u16,
    pub pointer_size: u32,
    pub sdk: [u8; 20],
}

#[repr(C)]
pub struct Call {
    pub size: usize,
    pub node: *const Node,
    pub node_type: *const c_char,
    pub node_id: *const c_char,
    pub execution_id: *const c_char,
    pub workflow_id: *const c_char,
    pub key: *const c_char,
    pub config: *const Value,
    pub input: *const Value,
    pub edges: *const Value,
    pub why: u32,
    pub attempt: u32,
    pub deadline_ms: i64,
    pub checkpoint: *const Value,
    pub event: *const Value,
    pub signal: *const c_char,
    pub scope: *const Value,
    pub scope_pass: u64,
    pub scope_outcome: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct Error {
    pub size: usize,
    pub error_type: *const c_char,
    pub message: *const c_char,
    pub retryable: i32,
    pub reserved: u32,
    pub retry_after_ms: i64,
    pub details: *const Value,
    pub node_id: *const c_char,
}

#[repr(C)]
pub struct Host {
    pub size: usize,
    pub major: u16,
    pub minor: u16,
    pub reserved: u32,
    pub version: *const c_char,
    // outcomes
    pub done: unsafe extern "C" fn(*mut Task, *const Value, *const c_char) -> c_int,
    pub fail: unsafe extern "C" fn(*mut Task, *const Error) -> c_int,
    pub park: Unused,
    pub enter: Unused,
    pub leave: Unused,
    // reading
    pub type_of: unsafe extern "C" fn(*const Value) -> u32,
    pub get: unsafe extern "C" fn(*const Value, *const c_char) -> *const Value,
    pub get_bool: unsafe extern "C" fn(*const Value, *const c_char, *mut c_int) -> c_int,
    pub get_int: unsafe extern "C" fn(*const Value, *const c_char, *mut i64) -> c_int,
    pub get_real: unsafe extern "C" fn(*const Value, *const c_char, *mut f64) -> c_int,
    pub get_string: unsafe extern "C" fn(*const Value, *const c_char, *mut *const c_char, *mut usize) -> c_int,
    pub length: unsafe extern "C" fn(*const Value) -> usize,
    pub item: Unused,
    pub text: Unused,
    // making values
    pub parse: Unused,
    pub null: unsafe extern "C" fn(*mut Task) -> *const Value,
    pub boolean: unsafe extern "C" fn(*mut Task, c_int) -> *const Value,
    pub integer: unsafe extern "C" fn(*mut Task, i64) -> *const Value,
    pub real: unsafe extern "C" fn(*mut Task, f64) -> *const Value,
    pub string: unsafe extern "C" fn(*mut Task, *const c_char, usize) -> *const Value,
    pub object: unsafe extern "C" fn(*mut Task) -> *mut Value,
    pub array: unsafe extern "C" fn(*mut Task) -> *mut Value,
    pub copy: Unused,
    pub set: unsafe extern "C" fn(*mut Value, *const c_char, *const Value) -> c_int,
    pub remove: Unused,
    pub push: unsafe extern "C" fn(*mut Value, *const Value) -> c_int,
    pub release: Unused,
    // services
    pub log: unsafe extern "C" fn(*mut Task, u32, *const c_char, ...),
    pub services: [Unused; 10],
    // variables, the world outside, other nodes, watches
    pub variables: [Unused; 2],
    pub asks: [Unused; 5],
    pub cancel_node: Unused,
    pub watches: [Unused; 4],
}

#[repr(C)]
pub struct Node {
    pub size: usize,
    pub node_type: *const c_char,
    pub aliases: *const *const c_char,
    pub summary: *const c_char,
    pub description: *const c_char,
    pub config_schema: *const c_char,
    pub output_schema: *const c_char,
    pub examples: *const c_char,
    pub exec: u32,
    pub effect: u32,
    pub caps: u32,
    pub reserved: u32,
    pub default_timeout_ms: i64,
    pub data: *const c_void,
    pub check: Option<unsafe extern "C" fn(*mut c_void, *const Node, *const Value, *mut c_char, usize) -> c_int>,
    pub run: Option<unsafe extern "C" fn(*mut c_void, *mut Task, *const Call)>,
    pub cancel: Option<unsafe extern "C" fn(*mut c_void, *mut Task)>,
}

type Init = unsafe extern "C" fn(*const Host, *const Value, *mut *mut c_void, *mut c_char, usize) -> c_int;

#[repr(C)]
pub struct Plugin {
    pub size: usize,
    pub name: *const c_char,
    pub version: *const c_char,
    pub license: *const c_char,
    pub vendor: *const c_char,
    pub url: *const c_char,
    pub summary: *const c_char,
    pub config_schema: *const c_char,
    pub nodes: *const *const Node,
    pub declare: Option<unsafe extern "C" fn(*const Host, *const Value, *mut c_char, usize) -> *const *const Node>,
    pub init: Option<Init>,
    pub drain: Option<unsafe extern "C" fn(*mut c_void)>,
    pub exit: Option<unsafe extern "C" fn(*mut c_void)>,
}

/// Constant data with pointers in it, which nobody changes.
#[repr(transparent)]
pub struct Shared<T>(pub T);
unsafe impl<T> Sync for Shared<T> {}

// What <wfworker/plugin.h> has where a pointer is eight bytes.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<Abi>() == 40);
    assert!(size_of::<Call>() == 144);
    assert!(size_of::<Error>() == 56);
    assert!(size_of::<Host>() == 24 + 50 * 8);
    assert!(size_of::<Node>() == 120);
    assert!(size_of::<Plugin>() == 104);
};
