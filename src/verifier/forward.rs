//! Joints behind pointers, so that one database handle can serve several of them.

pub(crate) type Boxed<'f, T> =
    std::pin::Pin<Box<dyn Future<Output = Result<T, crate::error::VerifyError>> + Send + 'f>>;

/// Forwards every call through `Arc` and `Box`, and hands out the inner future as it is.
macro_rules! forward {
    ($joint:ident $verbs:tt) => {
        $crate::verifier::forward! { Arc $joint $verbs }
        $crate::verifier::forward! { Box $joint $verbs }
    };
    ($pointer:ident $joint:ident { $($verb:ident($input:ident) -> $output:ty;)+ }) => {
        /// Forwards every call, and hands out the inner future as it is.
        #[deny(clippy::missing_trait_methods)]
        impl<T: $joint + ?Sized> $joint for $pointer<T> {
            $(
                fn $verb<'a, 'b, 'f>(
                    &'a self,
                    input: $input<'b>,
                ) -> $crate::verifier::Boxed<'f, $output>
                where
                    'a: 'f,
                    'b: 'f,
                    Self: 'f,
                {
                    (**self).$verb(input)
                }
            )+
        }
    };
}
pub(crate) use forward;
