"""A device that is none: tensors that say they lie elsewhere and refuse to be mixed with others.

What runs on it and gives the CPU's result would run on CUDA: every tensor followed the device, and
none was read by numpy or combined with one of the CPU unless it was copied. It calls itself
``meta``, a device that PyTorch always knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

NAME = "meta"


class Elsewhere(torch.Tensor):
    """A tensor of the pretended device; `near` holds its values."""

    near: torch.Tensor

    @staticmethod
    def __new__(cls, near: torch.Tensor) -> Elsewhere:
        """A tensor that looks like `near`, elsewhere."""
        made = torch.Tensor._make_wrapper_subclass(
            cls, near.shape, strides=near.stride(), dtype=near.dtype, device=NAME
        )
        made.near = near
        return made

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """A method; `new_tensor` alone makes its tensor behind the back of what is below."""
        if func is torch.Tensor.new_tensor:
            like, values = args
            return cls(torch.tensor(values, dtype=like.dtype))
        return torch._C._disabled_torch_function_impl(func, types, args, kwargs or {})

    @classmethod
    def __torch_dispatch__(
        cls, op: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation."""
        return _run(op, args, kwargs or {})


class PretendedDevice(TorchDispatchMode):
    """Within this context ``.to("meta")`` takes a tensor to the pretended device."""

    def __torch_dispatch__(
        self, op: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Run an operation."""
        return _run(op, args, kwargs or {})


def _run(op: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operation on the values, its result on the device of its arguments or of its choice.

    Raises:
        AssertionError: tensors of two devices are mixed; numbers (no axis) may come from any.
    """
    given: list[torch.Tensor] = []
    tree_map(lambda x: given.append(x) if isinstance(x, torch.Tensor) else None, (args, kwargs))
    far = any(isinstance(t, Elsewhere) for t in given)
    copies = op.overloadpacket is torch.ops.aten._to_copy
    near = [t for t in given if not isinstance(t, Elsewhere) and t.dim() > 0]
    assert copies or not (far and near), f"{op} mixes tensors of two devices"
    if kwargs.get("device") is not None:
        far = torch.device(kwargs["device"]).type == NAME
        kwargs = {**kwargs, "device": "cpu"}
    args, kwargs = tree_map(lambda x: x.near if isinstance(x, Elsewhere) else x, (args, kwargs))
    found = op(*args, **kwargs)
    if op._schema.is_mutable:  # in place: the tensor that was handed in
        return next(t for t in given)
    if not far:
        return found
    return tree_map(lambda x: Elsewhere(x) if isinstance(x, torch.Tensor) else x, found)
