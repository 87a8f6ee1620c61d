//! Files of which something else is stored: made again by a worker, and whole only if they are what the snapshot says.

use std::sync::Arc;

use super::context::Context;
use super::file::TargetFile;
use super::report::RestoreError;
use crate::stored;
use crate::transform::Form;

/// Makes and finishes one file. No write of it is expected.
pub(super) fn file(context: &Context<'_>, file: &Arc<TargetFile>) {
    let form = if context.options.decoded { Form::Decoded } else { Form::Original };
    // One write is held back, so that nothing is finished before all of it was found to be right.
    file.expect_inline();
    let mut hasher = blake3::Hasher::new();
    let mut offset = 0_u64;
    let made = stored::make(context.reader, (&file.entry, form), &mut |bytes| {
        file.expect_inline();
        file.write(context, &[(offset, bytes)], false);
        if context.options.verify {
            hasher.update(bytes);
        }
        offset = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        !context.stopped() && !file.is_broken()
    });
    match made {
        Ok(()) => file.set_made(offset, *hasher.finalize().as_bytes()),
        Err(error) if error.is_local() => file.lose_content(error),
        Err(error) => return context.stop(RestoreError::Repository(error)),
    }
    file.skip_write(context);
}
