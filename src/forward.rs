//! One macro that implements a joint for `Arc<T>` and `Box<T>`.

/// Forwards every call of a trait through `Arc` and `Box`.
///
/// The asynchronous methods come first, then the others. An asynchronous method hands out the
/// boxed future of the value behind the pointer, because an `async fn` would box it once more.
/// `#[async_trait]` gives a method one lifetime for each reference in its arguments: name them.
macro_rules! forward {
    ($joint:ident $methods:tt) => {
        $crate::forward::forward! { @to std::sync::Arc<T>, $joint $methods }
        $crate::forward::forward! { @to std::boxed::Box<T>, $joint $methods }
    };
    (@to $pointer:ty, $joint:ident {
        $(async fn $later:ident$(<$($life:lifetime),+>)?(&self $(, $given:ident: $takes:ty)*)
            -> $gives:ty;)*
        $(fn $now:ident(&self $(, $arg:ident: $of:ty)*) -> $returns:ty;)*
    }) => {
        /// Forwards every call, and hands out the inner future as it is.
        #[deny(clippy::missing_trait_methods)]
        impl<T: $joint + ?Sized> $joint for $pointer {
            $(fn $later<'this, $($($life,)+)? 'future>(
                &'this self
                $(, $given: $takes)*
            ) -> std::pin::Pin<Box<dyn Future<Output = $gives> + Send + 'future>>
            where
                'this: 'future,
                $($($life: 'future,)+)?
                Self: 'future,
            {
                (**self).$later($($given),*)
            })*
            $(fn $now(&self $(, $arg: $of)*) -> $returns {
                (**self).$now($($arg),*)
            })*
        }
    };
}
pub(crate) use forward;
