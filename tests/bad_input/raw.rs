//! A blob written by hand, so that each part of it can be wrong while the CRC is right.

use tinpail_plan::PlanFile;

use crate::common::values::Persistent;

#[derive(Clone)]
pub struct RawTensor {
    pub index: u32,
    pub dtype: u8,
    pub dims: Vec<u32>,
    /// Bytes.
    pub offset: u32,
}

#[derive(Clone)]
pub struct Raw {
    pub magic: [u8; 4],
    pub version: u32,
    pub schema: u64,
    pub sequence: u32,
    /// The number in the header, if it is not that of `tensors`.
    pub count: Option<u32>,
    pub tensors: Vec<RawTensor>,
    /// Bytes of padding more than are needed.
    pub more_pad: usize,
    /// The number in the header, if it is not that of `payload`.
    pub payload_len: Option<u32>,
    pub payload: Vec<u8>,
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

impl Raw {
    pub fn of(file: &PlanFile, values: &Persistent) -> Self {
        let mut tensors = Vec::new();
        let mut payload = Vec::new();
        for (index, (own, values)) in file.params.iter().zip(&values.params).enumerate() {
            tensors.push(RawTensor {
                index: index as u32,
                dtype: 0,
                dims: own.shape.iter().map(|dim| *dim as u32).collect(),
                offset: payload.len() as u32,
            });
            payload.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            payload.resize(payload.len().next_multiple_of(16), 0);
        }
        Raw {
            magic: *b"TPB1",
            version: 1,
            schema: file.plan.schema,
            sequence: 0,
            count: None,
            tensors,
            more_pad: 0,
            payload_len: None,
            payload,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.magic.to_vec();
        varint(&mut out, self.version.into());
        varint(&mut out, self.schema);
        varint(&mut out, self.sequence.into());
        let count = self.count.unwrap_or(self.tensors.len() as u32);
        varint(&mut out, count.into());
        for tensor in &self.tensors {
            varint(&mut out, tensor.index.into());
            out.push(tensor.dtype);
            out.push(tensor.dims.len() as u8);
            for dim in &tensor.dims {
                varint(&mut out, (*dim).into());
            }
            varint(&mut out, tensor.offset.into());
        }
        let mut len = Vec::new();
        let payload_len = self.payload_len.unwrap_or(self.payload.len() as u32);
        varint(&mut len, payload_len.into());
        let unpadded = out.len() + 1 + len.len();
        let pad = unpadded.next_multiple_of(16) - unpadded + self.more_pad;
        out.push(pad as u8);
        out.resize(out.len() + pad, 0);
        out.extend(len);
        out.extend(&self.payload);
        sealed(out)
    }
}

/// The bytes with their CRC behind them.
pub fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&bytes);
    bytes.extend(crc.to_le_bytes());
    bytes
}
