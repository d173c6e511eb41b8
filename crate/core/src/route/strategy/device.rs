//! By what this machine is.

use crate::json::Fields;
use crate::route::decision::Decision;
use crate::route::inputs::{DeviceFacts, Inputs, Pause};

/// One branch where the machine meets the requirements, another where it does not.
#[derive(Clone, Debug)]
pub struct DeviceStrategy {
    /// The requirements on the device.
    pub require: DeviceRequirements,
    /// The branch where it is met.
    pub capable: String,
    /// The branch where it is not.
    pub otherwise: String,
}

/// The requirements on the device. What a browser does not tell is not held against the machine.
#[derive(Clone, Debug, Default)]
pub struct DeviceRequirements {
    /// A GPU for WebGPU, of whatever kind.
    pub webgpu: Option<bool>,
    /// One that is not the CPU in disguise.
    pub hardware_gpu: Option<bool>,
    /// So much memory.
    pub min_memory_gb: Option<f64>,
    /// So much charge, 0 to 1, unless it is being charged.
    pub min_battery_level: Option<f64>,
    /// So fast, as measured on the capable branch.
    pub min_tokens_per_second: Option<f64>,
    /// `false` keeps off where the visitor asked for little traffic.
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
    /// The first requirement that is not met.
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
