"""SOTAlign: alignment of two embedding spaces from a few pairs and much that is unpaired.

Roschmann, Krzakala, Mazelet, Bouniot, Akata: "SOTAlign: Semi-Supervised Alignment of Unimodal
Vision and Language Models via Optimal Transport" (ICML 2026). A linear teacher is fitted on the
pairs; a student learns from the pairs and, on unpaired rows, from the transport plan that the
teacher's affinities induce:

    L = SigLIP(pairs), summed over a row and averaged over rows, + beta * KLOT(unpaired rows)

Plans have mass 1, so beta weighs a unit of KLOT per row against a unit of SigLIP per row; the
published alpha = 1e-4 stands for a beta between 1 and 3.

Importing this package is light; torch is imported on use.
"""

__all__ = ["fit", "klot", "plan", "recall", "streaming_klot", "zero_shot"]

_HOME = {
    "fit": "blindmatch.alignment.training",
    "klot": "blindmatch.alignment._klot",
    "plan": "blindmatch.alignment._sinkhorn",
    "recall": "blindmatch.alignment.retrieval",
    "streaming_klot": "blindmatch.alignment._streaming",
    "zero_shot": "blindmatch.alignment.retrieval",
}


def __getattr__(name: str):
    if name in _HOME:
        import importlib

        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'blindmatch.alignment' has no attribute {name!r}")
