//! One way to write a request or reply, so that all of them grow the same way.

/// Declares a serde struct that stays constructible when fields are added: `new` takes the
/// required fields, each optional field has a setter of its own name and a default when absent.
macro_rules! message {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$rmeta:meta])* pub $rfield:ident : $rty:ty, )*
        }
        $(optional {
            $( $(#[$ometa:meta])* pub $ofield:ident : $oty:ty, )*
        })?
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        pub struct $name {
            $( $(#[$rmeta])* pub $rfield: $rty, )*
            $($( $(#[$ometa])* #[serde(default)] pub $ofield: $oty, )*)?
        }

        impl $name {
            /// Builds it from its required fields; the others have their defaults.
            #[allow(clippy::new_without_default, clippy::too_many_arguments)]
            pub fn new($( $rfield: impl Into<$rty>, )*) -> Self {
                Self {
                    $( $rfield: $rfield.into(), )*
                    $($( $ofield: Default::default(), )*)?
                }
            }

            $($(
                $(#[$ometa])*
                #[must_use]
                pub fn $ofield(mut self, value: impl Into<$oty>) -> Self {
                    self.$ofield = value.into();
                    self
                }
            )*)?
        }
    };
}
pub(crate) use message;
