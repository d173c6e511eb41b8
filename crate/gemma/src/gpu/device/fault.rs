//! Asynchronous errors of the device, kept until a caller can return them.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result, Status};

/// The code of operations that the GPU rejected or could not run.
pub(crate) const FAILED: &str = "GPU_FAILED";

/// The fault recorded by wgpu's callbacks and checked by every awaited step.
///
/// wgpu reports a lost device and an uncaught error through callbacks, long after the call that
/// caused them returned. burn's own handler panics, which in a browser ends the worker; ours
/// records the first of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Mutex<Slots>>);

#[derive(Debug, Default)]
struct Slots {
    lost: Option<String>,
    error: Option<Error>,
}

impl Faults {
    /// Installs both callbacks on `device`. Must be called again after other code may have replaced
    /// them.
    pub(crate) fn watch(&self, device: &wgpu::Device) {
        let lost = self.clone();
        device.set_device_lost_callback(move |reason, message| {
            lost.with(|slots| {
                slots.lost.get_or_insert_with(|| format!("{reason:?}: {message}"));
            });
        });
        let uncaught = self.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            uncaught.with(|slots| {
                slots.error.get_or_insert_with(|| to_error(&error));
            });
        }));
    }

    /// Returns the first fault, if there is one. A lost device stays lost; an error is returned
    /// once.
    pub(crate) fn check(&self) -> Result<()> {
        self.with(|slots| match (&slots.lost, slots.error.take()) {
            (Some(lost), _) => Err(lost_error(lost)),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(()),
        })
    }

    /// Takes an error that was not returned in time; returns whether there was one.
    pub(crate) fn take_error(&self) -> bool {
        self.with(|slots| slots.error.take().is_some())
    }

    /// Clears an error whose cause was already reported. A lost device stays lost.
    pub(crate) fn clear_errors(&self) {
        self.with(|slots| slots.error = None);
    }

    fn with<R>(&self, act: impl FnOnce(&mut Slots) -> R) -> R {
        // A panic while the lock is held leaves two valid options behind.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The error of a lost GPU. It is transient: the next branch may answer, and a new device may be
/// opened.
pub(crate) fn lost_error(reason: &str) -> Error {
    Error::unavailable(format!("the GPU device was lost ({reason}); load the model again"))
        .with_code("DEVICE_LOST")
}

/// The error of insufficient memory for the weights, which waiting does not change.
pub(crate) fn memory_error(what: &str) -> Error {
    Error::precondition(format!(
        "not enough GPU memory for {what}; use a smaller model or context window"
    ))
    .with_code("OUT_OF_MEMORY")
}

/// Converts an error of wgpu.
pub(crate) fn to_error(error: &wgpu::Error) -> Error {
    match error {
        wgpu::Error::OutOfMemory { .. } => {
            Error::new(Status::ResourceExhausted, "the GPU ran out of memory")
                .with_code("OUT_OF_MEMORY")
        }
        wgpu::Error::Validation { description, .. } => {
            Error::internal(format!("the GPU refused a command: {description}")).with_code(FAILED)
        }
        wgpu::Error::Internal { description, .. } => {
            Error::internal(format!("the GPU failed: {description}")).with_code(FAILED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Faults, lost_error};
    use hybridge_core::{Error, Status};

    #[test]
    fn an_error_is_returned_once_and_a_loss_every_time() {
        let faults = Faults::default();
        assert_eq!(faults.check(), Ok(()));
        faults.with(|slots| slots.error = Some(Error::internal("first")));
        assert_eq!(faults.check().unwrap_err().message, "first");
        assert_eq!(faults.check(), Ok(()));
        assert!(!faults.take_error());
        faults.with(|slots| slots.error = Some(Error::internal("second")));
        assert!(faults.take_error());
        assert_eq!(faults.check(), Ok(()));
        faults.with(|slots| slots.lost = Some("Unknown: gone".into()));
        for _ in 0..2 {
            let error = faults.check().unwrap_err();
            assert_eq!(
                (error.status, error.code.as_deref()),
                (Status::Unavailable, Some("DEVICE_LOST"))
            );
            assert_eq!(error, lost_error("Unknown: gone"));
        }
    }
}
