//! What went wrong on the device behind our back, kept until somebody can return it.

use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::wgpu::wgpu;
use hybridge_core::{Error, Result, Status};

/// The code of what the GPU refused or could not do.
pub(crate) const FAILED: &str = "GPU_FAILED";

/// Where wgpu's callbacks write and every awaited step reads.
///
/// wgpu reports a lost device and an uncaught error through callbacks, long after the call that
/// caused them returned. burn's own handler panics, which in a browser ends the worker; ours
/// remembers the first of each.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Mutex<Slots>>);

#[derive(Debug, Default)]
struct Slots {
    lost: Option<String>,
    error: Option<Error>,
}

impl Faults {
    /// Takes over both callbacks of `device`. Called again after anyone else may have set them.
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

    /// The first fault, if there was one. A lost device stays lost; an error is reported once.
    pub(crate) fn check(&self) -> Result<()> {
        self.with(|slots| match (&slots.lost, slots.error.take()) {
            (Some(lost), _) => Err(lost_error(lost)),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(()),
        })
    }

    /// Takes an error that no one asked about in time; whether there was one.
    pub(crate) fn take_error(&self) -> bool {
        self.with(|slots| slots.error.take().is_some())
    }

    /// Clears an error whose cause was already reported. A lost device stays lost.
    pub(crate) fn clear_errors(&self) {
        self.with(|slots| slots.error = None);
    }

    fn with<R>(&self, act: impl FnOnce(&mut Slots) -> R) -> R {
        // A panic while holding the lock leaves two plain options behind: nothing to repair.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The GPU went away. Transient: the next branch may answer, and a fresh device may be opened.
pub(crate) fn lost_error(reason: &str) -> Error {
    Error::unavailable(format!("the GPU device was lost ({reason}); load the model again"))
        .with_code("DEVICE_LOST")
}

/// No room for the weights. Waiting does not heal that.
pub(crate) fn memory_error(what: &str) -> Error {
    Error::precondition(format!(
        "not enough GPU memory for {what}; use a smaller model or context window"
    ))
    .with_code("OUT_OF_MEMORY")
}

/// An error of wgpu as ours.
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
    fn an_error_is_told_once_and_a_loss_for_ever() {
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
