//! A validator that shares no code with the grammar or with the package's own validator.

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::Value;

/// A schema for the independent validator: 2020-12, with formats as assertions.
pub(crate) struct Independent {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Independent {
    /// Returns `None` if the validator refuses the schema.
    pub(crate) fn new(schema: &Value) -> Option<Self> {
        let address = "http://127.0.0.1/schema.json";
        let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.add_resource(address, schema.clone()).ok()?;
        let index = compiler.compile(address, &mut schemas).ok()?;
        Some(Self { schemas, index })
    }

    pub(crate) fn accepts(&self, value: &Value) -> bool {
        self.schemas.validate(value, self.index).is_ok()
    }
}
