// SPDX-License-Identifier: Apache-2.0
//! acme.iban: is this an international bank account number?  Country, length and check digits (ISO 13616), no look-up anywhere: effect
//! pure.  The node ends with the branch `valid` or `invalid`; an invalid number is a result, not a failure.

mod wfworker;

use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};
use wfworker::*;

// ---- The matter itself: safe, and tested by `make check`

/// How long the number of a country is; a country that is not here may have any length up to 34.
const LENGTHS: [(&str, usize); 20] = [
    ("AT", 20), ("BE", 16), ("CH", 21), ("CZ", 24), ("DE", 22), ("DK", 18), ("ES", 24), ("FI", 18), ("FR", 27), ("GB", 22),
    ("IE", 22), ("IT", 27), ("LU", 20), ("NL", 18), ("NO", 15), ("PL", 28), ("PT", 25), ("SE", 24), ("SI", 19), ("SK", 24),
];

/// Without the spaces that people write; what is wrong with it, when something is.
fn check(text: &str) -> (String, Result<(), &'static str>) {
    let iban: String = text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).collect();
    let verdict = judge(&iban);
    (iban, verdict)
}

fn judge(iban: &str) -> Result<(), &'static str> {
    if !iban.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
        return Err("it has other characters than letters and digits");
    }
    if iban.len() < 15 || iban.len() > 34 {
        return Err("it is too short or too long");
    }
    let (start, rest) = iban.split_at(4);
    if !start[..2].bytes().all(|b| b.is_ascii_uppercase()) || !start[2..].bytes().all(|b| b.is_ascii_digit()) {
        return Err("it does not begin with a country and two digits");
    }
    if LENGTHS.iter().any(|&(country, length)| country == &start[..2] && length != iban.len()) {
        return Err("it has not the length of its country");
    }
    // The country and the check digits behind the rest, letters as 10 to 35: 1 modulo 97.
    let remainder = rest.bytes().chain(start.bytes()).fold(0u32, |r, b| {
        let n = u32::from(if b.is_ascii_digit() { b - b'0' } else { b - b'A' + 10 });
        (r * if n < 10 { 10 } else { 100 } + n) % 97
    });
    if remainder == 1 { Ok(()) } else { Err("its check digits are wrong") }
}

// ---- The border

static HOST: AtomicPtr<Host> = AtomicPtr::new(null_mut());

/// Texts that are known here: each ends with a NUL.
macro_rules! c {
    ($text:expr) => {
        concat!($text, "\0").as_ptr() as *const c_char
    };
}

struct Session {
    host: &'static Host,
    task: *mut Task,
}

impl Session {
    fn text(&self, value: *const Value, pointer: *const c_char) -> Option<&str> {
        let (mut out, mut len) = (null(), 0usize);
        if unsafe { (self.host.get_string)(value, pointer, &mut out, &mut len) } != OK {
            return None;
        }
        std::str::from_utf8(unsafe { std::slice::from_raw_parts(out as *const u8, len) }).ok()
    }

    fn string(&self, text: &str) -> *const Value {
        unsafe { (self.host.string)(self.task, text.as_ptr() as *const c_char, text.len()) }
    }

    fn fail(&self, error_type: *const c_char, message: &str, retryable: bool) {
        let message = CString::new(message).unwrap_or_default();
        let error = Error {
            size: std::mem::size_of::<Error>(),
            error_type,
            message: message.as_ptr(),
            retryable: i32::from(retryable),
            reserved: 0,
            retry_after_ms: 0,
            details: null(),
            node_id: null(),
        };
        unsafe { (self.host.fail)(self.task, &error) };
    }

    fn run(&self, call: &Call) {
        let (iban, verdict) = check(self.text(call.config, c!("/iban")).unwrap_or(""));
        let out = unsafe { (self.host.object)(self.task) };
        let set = |key, value| unsafe { (self.host.set)(out, key, value) == OK };
        let mut made = set(c!("iban"), self.string(&iban));
        made &= match verdict {
            Ok(()) => set(c!("country"), self.string(&iban[..2])),
            Err(reason) => set(c!("reason"), self.string(reason)),
        };
        if !made {
            self.fail(c!("out_of_memory"), "there is no memory for the output", true);
            return;
        }
        let branch = if verdict.is_ok() { c!("valid") } else { c!("invalid") };
        unsafe { (self.host.done)(self.task, out, branch) };
    }
}

/// A panic must not leave it.
unsafe extern "C" fn run(_state: *mut c_void, task: *mut Task, call: *const Call) {
    let host = unsafe { &*HOST.load(Ordering::Acquire) };
    let session = Session { host, task };
    if catch_unwind(AssertUnwindSafe(|| session.run(unsafe { &*call }))).is_err() {
        session.fail(c!("internal_error"), "the handler panicked", false);
    }
}

unsafe extern "C" fn init(host: *const Host, _config: *const Value, _state: *mut *mut c_void, _msg: *mut c_char, _len: usize) -> c_int {
    HOST.store(host as *mut Host, Ordering::Release);
    OK
}

static NODE: Shared<Node> = Shared(Node {
    size: std::mem::size_of::<Node>(),
    node_type: c!("acme.iban"),
    aliases: null(),
    summary: c!("Checks an international bank account number"),
    description: c!("Branches: valid, invalid.  Nothing is asked of anybody: the account need not exist."),
    config_schema: c!(
        r#"{"type":"object","required":["iban"],"additionalProperties":false,"properties":{"iban":{"type":"string","maxLength":200,"description":"the number, with or without spaces"}}}"#
    ),
    output_schema: c!(
        r#"{"type":"object","properties":{"iban":{"type":"string"},"country":{"type":"string"},"reason":{"type":"string"}}}"#
    ),
    examples: c!(r#"[{"iban":"${customer.account}"}]"#),
    exec: EXEC_LOOP,
    effect: EFFECT_PURE,
    caps: 0,
    reserved: 0,
    default_timeout_ms: 0,
    data: null(),
    check: None,
    run: Some(run),
    cancel: None,
});
static NODES: Shared<[*const Node; 2]> = Shared([&NODE.0, null()]);
static PLUGIN: Shared<Plugin> = Shared(Plugin {
    size: std::mem::size_of::<Plugin>(),
    name: c!("acme-iban"),
    version: c!("1.0.0"),
    license: c!("Apache-2.0"),
    vendor: c!("acme"),
    url: null(),
    summary: c!("Bank account numbers"),
    config_schema: null(),
    nodes: NODES.0.as_ptr(),
    declare: None,
    init: Some(init),
    drain: None,
    exit: None,
});

#[no_mangle]
pub static wfw_plugin_abi: Abi = Abi {
    magic: *b"WFWPLUG\0",
    size: std::mem::size_of::<Abi>() as u32,
    major: 1,
    minor: 0,
    pointer_size: std::mem::size_of::<usize>() as u32,
    sdk: *b"1.0.0 rust\0\0\0\0\0\0\0\0\0\0",
};

#[no_mangle]
pub extern "C" fn wfw_plugin_v1() -> *const Plugin {
    &PLUGIN.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn numbers() {
        assert_eq!(check("DE89 3704 0044 0532 0130 00"), ("DE89370400440532013000".to_string(), Ok(())));
        assert_eq!(check("gb82 west 1234 5698 7654 32").1, Ok(()));
        assert_eq!(check("DE89 3704 0044 0532 0130 01").1, Err("its check digits are wrong"));
        assert_eq!(check("DE89 3704 0044 0532 0130 0").1, Err("it has not the length of its country"));
        assert_eq!(check("8989 3704 0044 0532").1, Err("it does not begin with a country and two digits"));
        assert_eq!(check("").1, Err("it is too short or too long"));
        assert_eq!(check("DÉ89 3704 0044 0532").1, Err("it has other characters than letters and digits"));
    }

    #[test]
    fn the_descriptor_is_complete() {
        assert_eq!(unsafe { CStr::from_ptr(PLUGIN.0.name) }.to_str(), Ok("acme-iban"));
        assert!(PLUGIN.0.init.is_some() && NODE.0.run.is_some());
    }
}
