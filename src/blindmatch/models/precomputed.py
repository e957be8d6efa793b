"""The user's own embeddings: nothing to load, the dataset brings the files."""

from blindmatch.errors import BlindmatchError
from blindmatch.models import LanguageEncoder, VisionEncoder, families
from blindmatch.settings import ModelSettings


@families.register("precomputed")
class Precomputed:
    """Stands in `models.yaml` for embeddings that exist already."""

    @staticmethod
    def vision(settings: ModelSettings, *, pretrained: bool = True) -> VisionEncoder:
        """Refuses: there is no model to run."""
        raise _no_model()

    @staticmethod
    def language(settings: ModelSettings, *, pretrained: bool = True) -> LanguageEncoder:
        """Refuses: there is no model to run."""
        raise _no_model()


def _no_model() -> BlindmatchError:
    return BlindmatchError(
        "model family 'precomputed' runs no model: its embeddings are the files that the dataset "
        "lists under `embeddings`, and this dataset lists none for it"
    )
