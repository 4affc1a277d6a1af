//! Which elements a message must carry, from the RFC's message sections (RFC 5415 5 to 10, RFC 5416 5).
//!
//! Real peers leave some out: whether that refuses a message is the sessions' policy.

use super::control::MessageType;
use super::element_type::ElementType;

/// Elements that the message must carry, each of them.
///
/// WTP Radio Information stands for the binding's, which is IEEE 802.11's here.
pub const fn mandatory(message_type: MessageType) -> &'static [ElementType] {
    use ElementType as E;
    use MessageType as M;
    match message_type {
        M::DiscoveryRequest | M::PrimaryDiscoveryRequest => &[
            E::DiscoveryType,
            E::WtpBoardData,
            E::WtpDescriptor,
            E::WtpFrameTunnelMode,
            E::WtpMacType,
            E::WtpRadioInformation,
        ],
        M::DiscoveryResponse | M::PrimaryDiscoveryResponse => &[E::AcDescriptor, E::AcName, E::WtpRadioInformation],
        M::JoinRequest => &[
            E::LocationData,
            E::WtpBoardData,
            E::WtpDescriptor,
            E::WtpName,
            E::SessionId,
            E::WtpFrameTunnelMode,
            E::WtpMacType,
            E::WtpRadioInformation,
            E::EcnSupport,
        ],
        M::JoinResponse => &[E::ResultCode, E::AcDescriptor, E::AcName, E::WtpRadioInformation, E::EcnSupport],
        M::ConfigurationStatusRequest => {
            &[E::AcName, E::RadioAdministrativeState, E::StatisticsTimer, E::WtpRebootStatistics]
        }
        M::ConfigurationStatusResponse => {
            &[E::CapwapTimers, E::DecryptionErrorReportPeriod, E::IdleTimeout, E::WtpFallback]
        }
        M::ChangeStateEventRequest => &[E::RadioOperationalState, E::ResultCode],
        M::ResetRequest => &[E::ImageIdentifier],
        M::ConfigurationUpdateResponse
        | M::ImageDataResponse
        | M::DataTransferResponse
        | M::ClearConfigurationResponse
        | M::StationConfigurationResponse
        | M::WlanConfigurationResponse => &[E::ResultCode],
        M::ConfigurationUpdateRequest
        | M::WtpEventRequest
        | M::WtpEventResponse
        | M::ChangeStateEventResponse
        | M::EchoRequest
        | M::EchoResponse
        | M::ImageDataRequest
        | M::ResetResponse
        | M::DataTransferRequest
        | M::ClearConfigurationRequest
        | M::StationConfigurationRequest
        | M::WlanConfigurationRequest
        | M::Unknown(_) => &[],
    }
}

/// Groups of elements of which the message must carry at least one each.
pub const fn one_of(message_type: MessageType) -> &'static [&'static [ElementType]] {
    use ElementType as E;
    use MessageType as M;
    const CONTROL_ADDRESS: &[ElementType] = &[E::ControlIpv4Address, E::ControlIpv6Address];
    const LOCAL_ADDRESS: &[ElementType] = &[E::LocalIpv4Address, E::LocalIpv6Address];
    match message_type {
        M::DiscoveryResponse | M::PrimaryDiscoveryResponse => &[CONTROL_ADDRESS],
        M::JoinRequest => &[LOCAL_ADDRESS],
        M::JoinResponse => &[CONTROL_ADDRESS, LOCAL_ADDRESS],
        M::ConfigurationStatusResponse => &[&[E::AcIpv4List, E::AcIpv6List]],
        M::DataTransferRequest => &[&[E::DataTransferMode, E::DataTransferData]],
        M::WtpEventRequest => &[&[
            E::DecryptionErrorReport,
            E::DuplicateIpv4Address,
            E::DuplicateIpv6Address,
            E::WtpRadioStatistics,
            E::WtpRebootStatistics,
            E::DeleteStation,
            E::VendorSpecific,
            E::MicCountermeasures,
            E::RsnaErrorReport,
            E::Statistics,
        ]],
        M::WlanConfigurationRequest => &[&[E::AddWlan, E::DeleteWlan, E::UpdateWlan]],
        M::DiscoveryRequest
        | M::PrimaryDiscoveryRequest
        | M::ConfigurationStatusRequest
        | M::ConfigurationUpdateRequest
        | M::ConfigurationUpdateResponse
        | M::WtpEventResponse
        | M::ChangeStateEventRequest
        | M::ChangeStateEventResponse
        | M::EchoRequest
        | M::EchoResponse
        | M::ImageDataRequest
        | M::ImageDataResponse
        | M::ResetRequest
        | M::ResetResponse
        | M::DataTransferResponse
        | M::ClearConfigurationRequest
        | M::ClearConfigurationResponse
        | M::StationConfigurationRequest
        | M::StationConfigurationResponse
        | M::WlanConfigurationResponse
        | M::Unknown(_) => &[],
    }
}
