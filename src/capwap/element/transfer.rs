//! Elements that carry crash logs and memory dumps from a WTP to the AC (RFC 5415 4.6.15, 4.6.16).

use crate::capwap::wire::{Reader, Wire, codes, read_sized, write_sized};

codes! {
    /// What a piece of a transfer is (4.6.15).
    DataTransferType: u8 {
        Data = 1 "Transfer data is included",
        Last = 2 "Last transfer data block is included",
        Abort = 5 "Transfer is aborted",
    }
}

codes! {
    /// What is transferred (4.6.15, 4.6.16).
    DataTransferMode: u8 {
        CrashData = 1 "WTP Crash Data",
        MemoryDump = 2 "WTP Memory Dump",
    }
}

/// Data Transfer Data (4.6.15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataTransferData {
    /// Data, last piece or abort.
    pub kind: DataTransferType,
    /// What it is a piece of.
    pub mode: DataTransferMode,
    /// The piece, at most 65,535 octets.
    pub data: Vec<u8>,
}

impl Wire for DataTransferData {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        Some(DataTransferData {
            kind: DataTransferType::read(r)?,
            mode: DataTransferMode::read(r)?,
            data: read_sized(r)?.to_vec(),
        })
    }
    fn write(&self, out: &mut Vec<u8>) {
        self.kind.write(out);
        self.mode.write(out);
        write_sized(&self.data, out);
    }
}
