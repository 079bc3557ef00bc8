//! Makes up messages from their descriptors: every field that there is, also those of releases to come.

use prost_reflect::{
    Cardinality, DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};

use crate::chance::Chance;

/// How deep messages nest.
const DEPTH: usize = 6;

/// What texts are about, in messages that are made up.
const WORDS: &[&str] = &[
    "de-1",
    "de-2",
    "train",
    "uid-train",
    "default",
    "uid-default",
    "law",
    "model",
    "model@1",
    "train@1",
    "checkpoint/train@1",
    "Running",
    "Succeeded",
    "Failed",
    "Stopped",
    "cordon",
    "drain",
    "approve",
    "retire",
    "reset",
    "k",
    "DE",
    "lab",
    "hash-de-1",
    "serial-de-1",
    "operator/alice",
    "allow",
    "deny",
    "nvidia",
    "x",
];

/// Makes up messages.
#[derive(Debug, Clone)]
pub(crate) struct Inventor {
    pool: DescriptorPool,
    words: Vec<String>,
}

impl Inventor {
    /// One; `None` where this program was built without its descriptors.
    #[must_use]
    pub(crate) fn new() -> Option<Self> {
        let words = WORDS.iter().map(|word| (*word).to_owned()).collect();
        Some(Self { pool: holdfast_api::pool().ok()?, words })
    }

    /// The descriptor of a message.
    #[must_use]
    pub(crate) fn descriptor(&self, name: &str) -> Option<MessageDescriptor> {
        self.pool.get_message_by_name(name)
    }

    /// A message of this name.
    #[must_use]
    pub(crate) fn message(&self, chance: &mut Chance, name: &str) -> Option<DynamicMessage> {
        Some(self.of(chance, &self.descriptor(name)?, DEPTH))
    }

    fn of(&self, chance: &mut Chance, descriptor: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        if depth == 0 {
            return message;
        }
        for oneof in descriptor.oneofs() {
            let fields: Vec<FieldDescriptor> = oneof.fields().collect();
            if let Some(field) = chance.pick(&fields).cloned() {
                let value = self.value(chance, &field.kind(), depth - 1);
                message.set_field(&field, value);
            }
        }
        for field in descriptor.fields().filter(|field| field.containing_oneof().is_none()) {
            if chance.below(4) > 0 {
                let value = self.field(chance, &field, depth - 1);
                message.set_field(&field, value);
            }
        }
        message
    }

    fn field(&self, chance: &mut Chance, field: &FieldDescriptor, depth: usize) -> Value {
        let count = if chance.once_in(20) { chance.below(40) } else { chance.below(3) };
        if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
            let kind = entry.map_entry_value_field().kind();
            let entries =
                (0..count).map(|_| (MapKey::String(self.word(chance)), self.value(chance, &kind, depth)));
            return Value::Map(entries.collect());
        }
        if field.cardinality() == Cardinality::Repeated {
            return Value::List((0..count).map(|_| self.value(chance, &field.kind(), depth)).collect());
        }
        self.value(chance, &field.kind(), depth)
    }

    fn value(&self, chance: &mut Chance, kind: &Kind, depth: usize) -> Value {
        let wide = chance.awkward();
        let bytes = wide.to_le_bytes();
        let narrow = bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
        match kind {
            Kind::Double => Value::F64(f64::from_bits(wide)),
            Kind::Float => Value::F32(f32::from_bits(narrow)),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(narrow.cast_signed()),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(wide.cast_signed()),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(if chance.once_in(2) { narrow % 4 } else { narrow }),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(if chance.once_in(2) { wide % 4 } else { wide }),
            Kind::Bool => Value::Bool(wide.is_multiple_of(2)),
            Kind::String => Value::String(self.word(chance)),
            Kind::Bytes => Value::Bytes(bytes.to_vec().into()),
            Kind::Message(message) => Value::Message(self.of(chance, message, depth)),
            Kind::Enum(_) => Value::EnumNumber(narrow.cast_signed()),
        }
    }

    /// Mostly a word that means something, now and then one that does not.
    fn word(&self, chance: &mut Chance) -> String {
        if chance.once_in(12) {
            let odd = ["", "\u{0}", "ä/ö", "..", " ", "@", "-1", "\u{202e}x"];
            let word = chance.pick(&odd).copied().unwrap_or_default();
            return if chance.once_in(8) { word.repeat(600) } else { word.to_owned() };
        }
        chance.pick(&self.words).cloned().unwrap_or_default()
    }
}
