//! How a message is read: as prost does, after its elements are counted. Of two bytes an empty element becomes hundreds in
//! memory, so a message of 4 MiB is counted before it is believed. Counting follows the contract's own descriptors.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::OnceLock;

use bytes::Buf;
use prost::{Message, Name};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstEncoder};

use crate::FILE_DESCRIPTOR_SET;

/// Elements of all lists and maps of one request, at most: a batch of 1,000 records with 64 headers each fits, and what an
/// element takes in memory, some hundred bytes, comes to a few times the largest message.
pub const MAX_ELEMENTS: usize = 100_000;
/// What the status of a refused message begins with; the list's name follows.
pub const TOO_MANY_ELEMENTS: &str = "too many elements in ";
/// Messages within messages. Requests have three.
const MAX_DEPTH: usize = 8;

/// The codec of every method of the contract.
pub struct CountedCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for CountedCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for CountedCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = CountedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(BufferSettings::default())
    }

    fn decoder(&mut self) -> Self::Decoder {
        CountedDecoder(PhantomData)
    }
}

/// See the file's first lines. Answers, which clients read, are not counted: a server is believed.
pub struct CountedDecoder<U>(PhantomData<U>);

impl<U: Message + Name + Default> Decoder for CountedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        if U::NAME.ends_with("Request") {
            check(&U::full_name(), &bytes)?;
        }
        U::decode(bytes).map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}

fn check(message: &str, bytes: &[u8]) -> Result<(), Status> {
    let mut count = Count { left: MAX_ELEMENTS };
    match count.message(message, bytes, MAX_DEPTH) {
        Ok(()) => Ok(()),
        Err(Refused::Malformed) => Err(Status::internal("failed to decode protobuf message")),
        Err(Refused::TooMany(list)) => Err(Status::invalid_argument(format!("{TOO_MANY_ELEMENTS}{list}"))),
    }
}

/// Why a message is not read.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    Malformed,
    /// The list, with the fields that lead to it.
    TooMany(String),
}

/// What is of account in a field.
#[derive(Debug)]
struct Field {
    name: String,
    is_list: bool,
    /// Full name of the message it holds; empty when it holds none.
    message: String,
    /// Numbers of a list may stand behind each other in one element.
    is_number: bool,
}

struct Count {
    left: usize,
}

impl Count {
    fn message(&mut self, name: &str, mut bytes: &[u8], depth: usize) -> Result<(), Refused> {
        let deeper = depth.checked_sub(1).ok_or(Refused::Malformed)?;
        let fields = shapes().get(name);
        while bytes.has_remaining() {
            let tag = varint(&mut bytes)?;
            let field = fields.and_then(|fields| fields.get(&(tag >> 3)));
            let inside = match tag & 7 {
                0 => varint(&mut bytes).map(|_| None)?,
                1 => skip(&mut bytes, 8).map(|_| None)?,
                5 => skip(&mut bytes, 4).map(|_| None)?,
                2 => {
                    let length = varint(&mut bytes)?;
                    Some(skip(&mut bytes, usize::try_from(length).map_err(|_| Refused::Malformed)?)?)
                }
                // The contract has no groups.
                _ => return Err(Refused::Malformed),
            };
            let Some(field) = field else { continue };
            if field.is_list {
                let elements = inside.filter(|_| field.is_number).map_or(1, <[u8]>::len);
                let too_many = || Refused::TooMany(field.name.clone());
                self.left = self.left.checked_sub(elements).ok_or_else(too_many)?;
            }
            if let Some(inside) = inside.filter(|_| !field.message.is_empty()) {
                self.message(&field.message, inside, deeper).map_err(|refused| match refused {
                    Refused::TooMany(list) => Refused::TooMany(format!("{}.{list}", field.name)),
                    Refused::Malformed => Refused::Malformed,
                })?;
            }
        }
        Ok(())
    }
}

fn varint(bytes: &mut &[u8]) -> Result<u64, Refused> {
    let mut value = 0;
    for place in 0..10 {
        let (byte, rest) = bytes.split_first().ok_or(Refused::Malformed)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Refused::Malformed)
}

fn skip<'b>(bytes: &mut &'b [u8], length: usize) -> Result<&'b [u8], Refused> {
    let (skipped, rest) = bytes.split_at_checked(length).ok_or(Refused::Malformed)?;
    *bytes = rest;
    Ok(skipped)
}

/// Each message of the contract by its full name, each of its fields by its number.
fn shapes() -> &'static HashMap<String, HashMap<u64, Field>> {
    static SHAPES: OnceLock<HashMap<String, HashMap<u64, Field>>> = OnceLock::new();
    SHAPES.get_or_init(|| {
        let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("the descriptor set is our own");
        let mut shapes = HashMap::new();
        for file in &set.file {
            file.message_type.iter().for_each(|message| add(file.package(), message, &mut shapes));
        }
        shapes
    })
}

fn add(scope: &str, message: &DescriptorProto, shapes: &mut HashMap<String, HashMap<u64, Field>>) {
    let name = format!("{scope}.{}", message.name());
    message.nested_type.iter().for_each(|nested| add(&name, nested, shapes));
    let field = |field: &FieldDescriptorProto| {
        let is_message = field.r#type() == Type::Message;
        let shape = Field {
            name: field.name().to_owned(),
            is_list: field.label() == Label::Repeated,
            message: if is_message { field.type_name().trim_start_matches('.').to_owned() } else { String::new() },
            is_number: !is_message && field.r#type() != Type::String && field.r#type() != Type::Bytes,
        };
        (field.number().unsigned_abs().into(), shape)
    };
    shapes.insert(name, message.field.iter().map(field).collect());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systemlog::v1::{Category, EventFilter, IngestRequest, ListEventsRequest, Record};

    fn refused<M: Message + Name>(message: &M) -> String {
        check(&M::full_name(), &message.encode_to_vec())
            .map_or_else(|status| status.message().to_owned(), |()| "".into())
    }

    #[test]
    fn elements_are_counted_wherever_they_stand() {
        let records = |count| IngestRequest { records: vec![Record::default(); count], ..Default::default() };
        assert_eq!(refused(&records(MAX_ELEMENTS)), "");
        assert_eq!(refused(&records(MAX_ELEMENTS + 1)), "too many elements in records");
        let headers = (0..MAX_ELEMENTS).map(|n| (n.to_string(), String::new())).collect();
        let record = Record { headers, ..Default::default() };
        assert_eq!(
            refused(&IngestRequest { records: vec![record], ..Default::default() }),
            "too many elements in records.headers"
        );
        let ask = |filter| ListEventsRequest { filter: Some(filter), ..Default::default() };
        let types = EventFilter { types: vec![String::new(); MAX_ELEMENTS + 1], ..Default::default() };
        assert_eq!(refused(&ask(types)), "too many elements in filter.types");
        let categories = vec![Category::Email.into(); MAX_ELEMENTS + 1];
        let packed = EventFilter { categories, ..Default::default() };
        assert_eq!(refused(&ask(packed)), "too many elements in filter.categories");
    }

    #[test]
    fn what_is_no_message_is_refused_and_nothing_panics() {
        let mut bytes = vec![0x0b, 0xff, 0x00, 0x1a, 0x7f];
        for cut in 0..=bytes.len() {
            let _either = check("systemlog.v1.IngestRequest", &bytes[..cut]);
        }
        bytes.splice(.., [0x1a; 64]);
        assert!(check("systemlog.v1.IngestRequest", &bytes).is_err());
        assert!(check("systemlog.v1.IngestRequest", &[0x80; 11]).is_err());
    }
}
