//! The C ABI between the host and a driver in a shared library, as `include/protector_driver.h` says
//! it. The rules stand there; a test compares the two.

use std::ffi::c_void;
use std::mem::{MaybeUninit, offset_of};

/// A change of the meaning of what is here. The entry function's name carries it too.
pub const MAJOR: u32 = 1;
/// Fields that were added at the ends of the tables.
pub const MINOR: u32 = 0;
/// The one symbol that a library exports.
pub const ENTRY: &str = "protector_driver_v1";

/// Longer than anything that a host lends a library.
pub const LONGEST: usize = 256 << 20;

/// The call is done; the body is the reply.
pub const OK: u32 = 0;
/// It is not; the body is a [`crate::DriverError`].
pub const FAILED: u32 = 1;
/// The driver caught a fault of its own; the body is a message in plain text.
pub const PANICKED: u32 = 2;
/// It was given up on request.
pub const CANCELLED: u32 = 3;
/// The driver does not know the verb.
pub const UNSUPPORTED: u32 = 4;

/// Bytes that somebody else owns, lent while a function lasts.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Where they begin; may be null where there are none.
    pub data: *const u8,
    /// How many there are.
    pub size: usize,
}

impl Slice {
    /// No bytes.
    pub const EMPTY: Self = Self {
        data: std::ptr::null(),
        size: 0,
    };

    /// Lends bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            data: bytes.as_ptr(),
            size: bytes.len(),
        }
    }

    /// The bytes; none where the other side passed a null pointer. No memory is looked at where there are
    /// more than `longest`.
    ///
    /// # Errors
    /// How many there are said to be, where these are more.
    ///
    /// # Safety
    /// `data` is null, or points to `size` bytes that nobody changes during `'a`, or `size` is more than
    /// `longest`.
    #[allow(unsafe_code, reason = "the other side lends a pointer")]
    pub unsafe fn bytes<'a>(self, longest: usize) -> Result<&'a [u8], TooLong> {
        if self.data.is_null() || self.size == 0 {
            return Ok(&[]);
        }
        // No memory is larger, and a reference to it must not be made.
        if self.size > longest.min(isize::MAX.unsigned_abs()) {
            return Err(TooLong(self.size));
        }
        // SAFETY: what the caller promises.
        Ok(unsafe { std::slice::from_raw_parts(self.data, self.size) })
    }
}

/// A slice that is said to have so many bytes, which is more than its reader takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong(pub usize);

/// Completes a call.
pub type Done = unsafe extern "C" fn(*mut c_void, u64, u32, Slice);
/// Writes a line into the host's log.
pub type Log = unsafe extern "C" fn(*mut c_void, u32, Slice, Slice, Slice);
/// The least important level that is written.
pub type LogLevel = unsafe extern "C" fn(*mut c_void) -> u32;

/// `protector_host`: what the host lends a driver for as long as the process lives.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct HostTable {
    /// The size of this struct in the host.
    pub size: usize,
    /// Is passed to each function.
    pub context: *mut c_void,
    /// Completes a call.
    pub done: Done,
    /// Writes a line into the log.
    pub log: Log,
    /// The least important level that is written at present; 0: none.
    pub log_level: LogLevel,
}

impl HostTable {
    /// The size of the table in version 1.0, which every host has.
    pub const LEAST: usize = offset_of!(Self, log_level) + size_of::<LogLevel>();
}

/// Makes an instance.
pub type Create = unsafe extern "C" fn(*const HostTable, u64, Slice) -> *mut c_void;
/// Begins a call.
pub type Call = unsafe extern "C" fn(*mut c_void, u64, Slice, Slice, Slice);
/// Asks to give a call up.
pub type Cancel = unsafe extern "C" fn(*mut c_void, u64);
/// Lets an instance go.
pub type Destroy = unsafe extern "C" fn(*mut c_void);

/// `protector_driver`: the driver. A function is `None` where a faulty library left it out.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct DriverTable {
    /// [`MAJOR`] of the library.
    pub major: u32,
    /// [`MINOR`] of the library.
    pub minor: u32,
    /// The size of this struct in the library.
    pub size: usize,
    /// The manifest, lent for good.
    pub manifest: Slice,
    /// Makes an instance.
    pub create: Option<Create>,
    /// Begins a call.
    pub call: Option<Call>,
    /// Asks to give a call up.
    pub cancel: Option<Cancel>,
    /// Lets an instance go.
    pub destroy: Option<Destroy>,
}

impl DriverTable {
    /// The size of the table in version 1.0, which every library has.
    pub const LEAST: usize = offset_of!(Self, destroy) + size_of::<Option<Destroy>>();
}

/// A copy of a table that says that it has `size` bytes. What an older side does not have is zero, and
/// what a newer one has besides is not looked at.
///
/// # Safety
/// `table` points to `size` bytes, and all bytes of a `T` beyond these may be zero.
#[allow(unsafe_code, reason = "a table of the other side")]
pub unsafe fn read<T: Copy>(table: *const T, size: usize) -> T {
    let mut copy = MaybeUninit::<T>::zeroed();
    let size = size.min(size_of::<T>());
    // SAFETY: what the caller promises; the copy has at least as many bytes.
    unsafe {
        std::ptr::copy_nonoverlapping(table.cast::<u8>(), copy.as_mut_ptr().cast::<u8>(), size);
        copy.assume_init()
    }
}

/// The type of the exported function.
pub type Entry = unsafe extern "C" fn() -> *const DriverTable;
