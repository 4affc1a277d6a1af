//! Finding elements in a message without a `match` each time. The first element of a type is the one that counts.

use super::Message;
use crate::capwap::element::{
    Element, ImageData, ImageIdentifier, ImageInformation, ResultCode, SessionKey, WtpBoardData, WtpDescriptor,
};
use crate::capwap::element_type::ElementType;

macro_rules! first {
    ($($(#[$meta:meta])* $name:ident -> $variant:ident($kind:ty);)*) => { $(
        $(#[$meta])*
        pub fn $name(&self) -> Option<&$kind> {
            self.elements.iter().find_map(|e| if let Element::$variant(value) = e { Some(value) } else { None })
        }
    )* };
}

impl Message {
    first! {
        /// Its Image Data.
        image_data -> ImageData(ImageData);
        /// Its Image Identifier; `dialect::image_name` gives the name in any dialect.
        image_identifier -> ImageIdentifier(ImageIdentifier);
        /// Its Image Information.
        image_information -> ImageInformation(ImageInformation);
        /// Its Session ID.
        session_id -> SessionId(SessionKey);
        /// Its WTP Board Data.
        board_data -> WtpBoardData(WtpBoardData);
        /// Its WTP Descriptor.
        wtp_descriptor -> WtpDescriptor(WtpDescriptor);
        /// Its WTP Name, as the WTP sent it: `display_text` makes it fit to be shown.
        wtp_name -> WtpName(String);
        /// Its Location Data, as the WTP sent it: `display_text` makes it fit to be shown.
        location -> LocationData(String);
        /// Its AC Name, as the AC sent it: `display_text` makes it fit to be shown.
        ac_name -> AcName(String);
    }

    /// Its Result Code.
    pub fn result_code(&self) -> Option<ResultCode> {
        self.elements.iter().find_map(|e| if let Element::ResultCode(code) = e { Some(*code) } else { None })
    }

    /// Its first element of this type, malformed or not.
    pub fn find(&self, wanted: ElementType) -> Option<&Element> {
        self.elements.iter().find(|e| e.element_type() == wanted)
    }

    /// Whether an element of this type is there, malformed or not.
    pub fn has(&self, wanted: ElementType) -> bool {
        self.find(wanted).is_some()
    }
}
