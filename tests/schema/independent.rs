//! A validator that shares nothing with the grammar, nor with the package's own validator.

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use serde_json::Value;

/// One schema, as the independent validator reads it: 2020-12, with formats as assertions.
pub(crate) struct Independent {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Independent {
    /// `None` if it refuses the schema.
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
