//! A file system of one file, as SQLite wants it.
#![expect(
    unsafe_code,
    reason = "SQLite takes a file system as a table of C functions; a library that wraps them needs a C compiler's headers at build time"
)]

use std::ffi::{CString, c_char, c_int, c_void};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::ffi;

use super::pages::Pages;

/// Every file system has a name of its own.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// Longest name that SQLite may ask for: it knows our one file by a short one.
const NAME_BYTES_MAX: c_int = 64;

/// A file system, for as long as it lives. Connections that were opened with it must be closed before.
pub(super) struct Vfs {
    table: *mut ffi::sqlite3_vfs,
    name: CString,
    /// What the table points to.
    pages: Arc<Pages>,
}

// SAFETY: the table is changed by SQLite only, under its own lock, when it is registered and when it is not any more.
unsafe impl Send for Vfs {}

impl fmt::Debug for Vfs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vfs").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What SQLite allocates for an open file: its own part first.
#[repr(C)]
struct File {
    base: ffi::sqlite3_file,
    pages: *const Pages,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 1,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(lock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: None,
    xShmLock: None,
    xShmBarrier: None,
    xShmUnmap: None,
    xFetch: None,
    xUnfetch: None,
};

impl Vfs {
    /// Makes it known to SQLite; `None` if that refuses.
    pub(super) fn new(pages: Arc<Pages>) -> Option<Self> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = CString::new(format!("heirloom-{number}")).ok()?;
        let file_bytes = c_int::try_from(size_of::<File>()).ok()?;
        let table = Box::into_raw(Box::new(ffi::sqlite3_vfs {
            iVersion: 1,
            szOsFile: file_bytes,
            mxPathname: NAME_BYTES_MAX,
            pNext: ptr::null_mut(),
            zName: name.as_ptr(),
            pAppData: Arc::as_ptr(&pages).cast_mut().cast(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            xDlOpen: None,
            xDlError: None,
            xDlSym: None,
            xDlClose: None,
            xRandomness: Some(randomness),
            xSleep: Some(sleep),
            xCurrentTime: Some(current_time),
            xGetLastError: None,
            xCurrentTimeInt64: None,
            xSetSystemCall: None,
            xGetSystemCall: None,
            xNextSystemCall: None,
        }));
        let vfs = Self { table, name, pages };
        // SAFETY: the table and everything it points to live until it is unregistered, in `drop`.
        let result = unsafe { ffi::sqlite3_vfs_register(vfs.table, 0) };
        (result == ffi::SQLITE_OK).then_some(vfs)
    }

    /// What to open a connection with.
    pub(super) fn name(&self) -> &CString {
        &self.name
    }

    /// What it reads, for another to read it too.
    pub(super) fn shared_pages(&self) -> Arc<Pages> {
        Arc::clone(&self.pages)
    }

    /// What it reads.
    pub(super) fn pages(&self) -> &Pages {
        &self.pages
    }
}

impl Drop for Vfs {
    fn drop(&mut self) {
        // SAFETY: it came from `Box::into_raw`, and SQLite forgets it before it is freed.
        unsafe {
            ffi::sqlite3_vfs_unregister(self.table);
            drop(Box::from_raw(self.table));
        }
    }
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    _name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite hands over `szOsFile` bytes for the file, a table that we registered, and a place for flags or null.
    unsafe {
        let file = file.cast::<File>();
        (*file).base.pMethods = ptr::null();
        // Journals and temporary files have no place here.
        if flags & ffi::SQLITE_OPEN_MAIN_DB == 0 {
            return ffi::SQLITE_CANTOPEN;
        }
        (*file).pages = (*vfs).pAppData.cast_const().cast();
        (*file).base.pMethods = &raw const METHODS;
        if !out_flags.is_null() {
            *out_flags = ffi::SQLITE_OPEN_READONLY | ffi::SQLITE_OPEN_MAIN_DB;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, _: *const c_char, _: c_int) -> c_int {
    ffi::SQLITE_IOERR
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    _: *const c_char,
    _: c_int,
    exists: *mut c_int,
) -> c_int {
    // SAFETY: SQLite hands over a place for the answer. No journal exists: a log is laid over the pages already.
    unsafe { *exists = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    name: *const c_char,
    bytes_max: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: `name` ends with a zero, `out` has room for `bytes_max`, and they do not overlap.
    unsafe {
        let bytes = std::ffi::CStr::from_ptr(name).to_bytes_with_nul();
        if usize::try_from(bytes_max).is_ok_and(|max| bytes.len() <= max) {
            ptr::copy_nonoverlapping(bytes.as_ptr().cast(), out, bytes.len());
            return ffi::SQLITE_OK;
        }
    }
    ffi::SQLITE_CANTOPEN
}

unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, bytes: c_int, out: *mut c_char) -> c_int {
    // SAFETY: `out` has room for `bytes`. Nothing that only reads needs chance.
    unsafe { ptr::write_bytes(out, 0, usize::try_from(bytes).unwrap_or(0)) };
    bytes
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, _: c_int) -> c_int {
    0
}

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, days: *mut f64) -> c_int {
    // SAFETY: SQLite hands over a place for the answer. A view of a database gets 1970: what is read must not depend on the clock.
    unsafe { *days = 2_440_587.5 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    out: *mut c_void,
    bytes: c_int,
    offset: ffi::sqlite3_int64,
) -> c_int {
    let (Ok(bytes), Ok(offset)) = (usize::try_from(bytes), u64::try_from(offset)) else {
        return ffi::SQLITE_IOERR_READ;
    };
    // SAFETY: `open` has filled in the pages, which outlive every connection; `out` has room for `bytes`, zeroed here first.
    let (pages, out) = unsafe {
        ptr::write_bytes(out.cast::<u8>(), 0, bytes);
        let out = std::slice::from_raw_parts_mut(out.cast::<u8>(), bytes);
        (&*(*file.cast::<File>()).pages, out)
    };
    // A panic must not go through frames of C.
    match catch_unwind(AssertUnwindSafe(|| pages.read(offset, out))) {
        Ok(Some(read)) if read == bytes => ffi::SQLITE_OK,
        Ok(Some(_)) => ffi::SQLITE_IOERR_SHORT_READ,
        Ok(None) | Err(_) => ffi::SQLITE_IOERR_READ,
    }
}

unsafe extern "C" fn write(
    _: *mut ffi::sqlite3_file,
    _: *const c_void,
    _: c_int,
    _: ffi::sqlite3_int64,
) -> c_int {
    ffi::SQLITE_READONLY
}

unsafe extern "C" fn truncate(_: *mut ffi::sqlite3_file, _: ffi::sqlite3_int64) -> c_int {
    ffi::SQLITE_READONLY
}

unsafe extern "C" fn sync(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    size: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: `open` has filled in the pages, which outlive every connection; SQLite hands over a place for the answer.
    unsafe { *size = i64::try_from((*(*file.cast::<File>()).pages).size()).unwrap_or(i64::MAX) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn lock(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(
    _: *mut ffi::sqlite3_file,
    is_locked: *mut c_int,
) -> c_int {
    // SAFETY: SQLite hands over a place for the answer.
    unsafe { *is_locked = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    4096
}

unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_IMMUTABLE
}
