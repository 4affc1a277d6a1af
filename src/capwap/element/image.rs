//! Elements of image downloads and of results (RFC 5415 4.6.26 to 4.6.29, 4.6.35, 4.6.36).

use capledger_schema::id::Md5;

use crate::capwap::wire::{Reader, Wire, codes, layout};

codes! {
    /// What a block of an image is (4.6.26). Code 3 is the older Cisco dialect's block with a checksum.
    ImageDataOpcode: u8 {
        Data = 1 "Image data is included",
        Last = 2 "Last image data block is included",
        Abort = 5 "Transfer is aborted",
    }
}

layout! {
    /// Image Data (4.6.26).
    pub struct ImageData {
        /// Data, last block or abort.
        pub opcode: ImageDataOpcode,
        /// The block: at most 1,024 octets by the RFC, 1,377 from newer ACs; empty with an abort.
        pub data: Vec<u8>,
    }
}

layout! {
    /// Image Identifier (4.6.27).
    pub struct ImageIdentifier {
        /// Private enterprise number of whoever names images so.
        pub vendor: u32,
        /// The image's name, at most 1,024 octets, no NUL at the end.
        pub name: String,
    }
}

layout! {
    /// Image Information (4.6.28).
    pub struct ImageInformation {
        /// Octets of the image.
        pub size: u32,
        /// MD5 of the image.
        pub hash: Md5,
    }
}

codes! {
    /// The result of a request (4.6.35).
    ResultCode: u32 {
        Success = 0 "Success",
        AcListMissing = 1 "Failure (AC List Message Element MUST Be Present)",
        SuccessNatDetected = 2 "Success (NAT Detected)",
        JoinUnspecified = 3 "Join Failure (Unspecified)",
        JoinResourceDepletion = 4 "Join Failure (Resource Depletion)",
        JoinUnknownSource = 5 "Join Failure (Unknown Source)",
        JoinIncorrectData = 6 "Join Failure (Incorrect Data)",
        JoinSessionIdInUse = 7 "Join Failure (Session ID Already in Use)",
        JoinHardwareNotSupported = 8 "Join Failure (WTP Hardware Not Supported)",
        JoinBindingNotSupported = 9 "Join Failure (Binding Not Supported)",
        ResetUnable = 10 "Reset Failure (Unable to Reset)",
        ResetFirmwareWriteError = 11 "Reset Failure (Firmware Write Error)",
        ConfigurationServiceProvided = 12
            "Configuration Failure (Unable to Apply Requested Configuration - Service Provided Anyhow)",
        ConfigurationServiceNotProvided = 13
            "Configuration Failure (Unable to Apply Requested Configuration - Service Not Provided)",
        ImageInvalidChecksum = 14 "Image Data Error (Invalid Checksum)",
        ImageInvalidLength = 15 "Image Data Error (Invalid Data Length)",
        ImageOtherError = 16 "Image Data Error (Other Error)",
        ImageAlreadyPresent = 17 "Image Data Error (Image Already Present)",
        UnexpectedInState = 18 "Message Unexpected (Invalid in Current State)",
        UnrecognizedRequest = 19 "Message Unexpected (Unrecognized Request)",
        MissingMandatoryElement = 20 "Failure - Missing Mandatory Message Element",
        UnrecognizedElement = 21 "Failure - Unrecognized Message Element",
        NoInformationToTransfer = 22 "Data Transfer Error (No Information to Transfer)",
    }
}

impl ResultCode {
    /// Whether the request did what it asked for: codes 0 and 2.
    pub const fn is_success(self) -> bool {
        matches!(self, ResultCode::Success | ResultCode::SuccessNatDetected)
    }
}

codes! {
    /// Why an element could not be applied (4.6.36).
    ReturnedReason: u8 {
        UnknownElement = 1 "Unknown Message Element",
        UnsupportedElement = 2 "Unsupported Message Element",
        UnknownValue = 3 "Unknown Message Element Value",
        UnsupportedValue = 4 "Unsupported Message Element Value",
    }
}

/// Returned Message Element (4.6.36).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedMessageElement {
    /// Why it came back.
    pub reason: ReturnedReason,
    /// The element with its type and length, as it was sent; at most 255 octets.
    pub element: Vec<u8>,
}

impl Wire for ReturnedMessageElement {
    fn read(r: &mut Reader<'_>) -> Option<Self> {
        let reason = ReturnedReason::read(r)?;
        let len = r.u8()?;
        Some(ReturnedMessageElement { reason, element: r.take(len.into())?.to_vec() })
    }
    /// Writes at most 255 octets of the element, for the length has one octet.
    fn write(&self, out: &mut Vec<u8>) {
        let element = &self.element[..self.element.len().min(255)];
        self.reason.write(out);
        out.push(element.len() as u8);
        out.extend_from_slice(element);
    }
}
