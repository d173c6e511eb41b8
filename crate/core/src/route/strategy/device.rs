//! Decides by facts about this machine.

use crate::json::Fields;
use crate::route::decision::Decision;
use crate::route::inputs::{DeviceFacts, Inputs, Pause};

/// Chooses one branch if the machine meets the requirements, another if not.
#[derive(Clone, Debug)]
pub struct DeviceStrategy {
    /// The requirements on the device.
    pub require: DeviceRequirements,
    /// The branch if they are met.
    pub capable: String,
    /// The branch if they are not.
    pub otherwise: String,
}

/// The requirements on the device. A fact that the browser does not report counts as met.
#[derive(Clone, Debug, Default)]
pub struct DeviceRequirements {
    /// A GPU for WebGPU, including a software one.
    pub webgpu: Option<bool>,
    /// A hardware GPU.
    pub hardware_gpu: Option<bool>,
    /// The minimum memory.
    pub min_memory_gb: Option<f64>,
    /// The minimum charge, 0 to 1, unless the battery is charging.
    pub min_battery_level: Option<f64>,
    /// The minimum speed, as measured on the capable branch.
    pub min_tokens_per_second: Option<f64>,
    /// With `false`, not if the user asked to save data.
    pub allow_save_data: Option<bool>,
}

impl DeviceStrategy {
    pub(super) fn read(fields: &mut Fields) -> Self {
        let mut require = Fields::of("require", fields.value("require").unwrap_or_default());
        let read = DeviceRequirements {
            webgpu: require.flag("webgpu"),
            hardware_gpu: require.flag("hardwareGpu"),
            min_memory_gb: require.number("minMemoryGB"),
            min_battery_level: require.number("minBatteryLevel"),
            min_tokens_per_second: require.number("minTokensPerSecond"),
            allow_save_data: require.flag("allowSaveData"),
        };
        let require = fields.inner(require.done(read)).unwrap_or_default();
        Self {
            require,
            capable: fields.required_text("capable"),
            otherwise: fields.required_text("otherwise"),
        }
    }

    pub(super) fn decide(&self, inputs: Inputs<'_>, keys: &[String]) -> Result<Decision, Pause> {
        let branch = keys.iter().position(|key| *key == self.capable);
        let speed = branch.and_then(|it| inputs.health.tokens_per_second(it));
        Ok(match self.require.lacking(inputs.device()?, speed) {
            Some(lack) => Decision::pick(&self.otherwise).because(lack),
            None => Decision::pick(&self.capable).because("the device is capable"),
        })
    }
}

impl DeviceRequirements {
    /// Returns the first requirement that is not met.
    fn lacking(&self, device: &DeviceFacts, speed: Option<f64>) -> Option<&'static str> {
        let wants = |it: Option<bool>| it == Some(true);
        let below = |found: Option<f64>, least: Option<f64>| {
            found.zip(least).is_some_and(|(found, least)| found < least)
        };
        let gpu = device.webgpu;
        let charge = device.battery.filter(|it| !it.charging).map(|it| it.level);
        [
            (wants(self.webgpu) && !gpu.available, "no GPU"),
            (wants(self.hardware_gpu) && !gpu.available, "no GPU"),
            (wants(self.hardware_gpu) && gpu.software, "only a software GPU"),
            (below(device.memory_gb, self.min_memory_gb), "too little memory"),
            (below(charge, self.min_battery_level), "the battery is low"),
            (self.allow_save_data == Some(false) && device.save_data, "the visitor saves data"),
            (below(speed, self.min_tokens_per_second), "measured too slow"),
        ]
        .into_iter()
        .find_map(|(is_lacking, lack)| is_lacking.then_some(lack))
    }
}

#[cfg(test)]
mod tests {
    use crate::route::strategy::table::check;

    #[test]
    fn the_machine_decides() {
        let capable = "device the device is capable";
        for (require, device, expected) in [
            ("{}", "{}", capable),
            (
                r#"{"webgpu":true}"#,
                r#"{"webgpu":{"available":false,"software":false}}"#,
                "cloud no GPU",
            ),
            (r#"{"webgpu":true}"#, r#"{"webgpu":{"available":true,"software":true}}"#, capable),
            (
                r#"{"hardwareGpu":true}"#,
                r#"{"webgpu":{"available":true,"software":true}}"#,
                "cloud only a software GPU",
            ),
            (
                r#"{"hardwareGpu":true}"#,
                r#"{"webgpu":{"available":true,"software":false}}"#,
                capable,
            ),
            (r#"{"hardwareGpu":true}"#, "{}", "cloud no GPU"),
            (r#"{"minMemoryGB":4}"#, r#"{"memoryGB":2}"#, "cloud too little memory"),
            (r#"{"minMemoryGB":4}"#, r#"{"memoryGB":4}"#, capable),
            (r#"{"minMemoryGB":4}"#, "{}", capable),
            (
                r#"{"minBatteryLevel":0.3}"#,
                r#"{"battery":{"level":0.2,"charging":false}}"#,
                "cloud the battery is low",
            ),
            (r#"{"minBatteryLevel":0.3}"#, r#"{"battery":{"level":0.2,"charging":true}}"#, capable),
            (r#"{"allowSaveData":false}"#, r#"{"saveData":true}"#, "cloud the visitor saves data"),
            (r#"{"allowSaveData":true}"#, r#"{"saveData":true}"#, capable),
            ("{}", r#"{"saveData":true}"#, capable),
            (r#"{"minTokensPerSecond":5}"#, "{}", capable),
        ] {
            let tree = format!(
                r#"{{"device":{{"require":{require},"capable":"device","otherwise":"cloud"}}}}"#
            );
            check(&tree, &[("device", device)], expected);
        }
    }
}
