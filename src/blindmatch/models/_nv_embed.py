"""NV-Embed, built from transformers' own Mistral, so that no code of its repository is run.

The caller's mask makes the language model attend in both directions. Behind it, every token attends
to an array of learned vectors, the latents ("NV-Embed: Improved Techniques for Training LLMs as
Generalist Embedding Models", section 3.2). Names of modules are those of the published weights.
"""

import torch
import transformers
from torch.nn import functional
from transformers.modeling_outputs import BaseModelOutput

#: Sizes of NV-Embed-v2, which its configuration file leaves out.
_LATENT_ATTENTION = {
    "num_latents_value": 512,
    "latent_dim": 4096,
    "num_cross_heads": 8,
    "cross_dim_head": 4096,
}


class NVEmbed(transformers.PreTrainedModel):
    """Token ids -> hidden states behind the latent attention."""

    config_class = transformers.MistralConfig
    _supports_sdpa = True

    def __init__(self, config: transformers.MistralConfig) -> None:
        super().__init__(config)
        self.embedding_model = transformers.MistralModel(config)
        self.latent_attention_model = LatentAttention(config)
        self.post_init()

    def forward(self, input_ids, attention_mask) -> BaseModelOutput:
        hidden = self.embedding_model(input_ids=input_ids, attention_mask=attention_mask)
        return BaseModelOutput(self.latent_attention_model(hidden.last_hidden_state))

    @staticmethod
    def configure(described: dict) -> transformers.MistralConfig:
        """The language model's configuration, with the sizes of the latent attention."""
        sizes = _LATENT_ATTENTION | described.get("latent_attention_config", {})
        config = transformers.MistralConfig.from_dict(described["text_config"])
        config.update({name: sizes[name] for name in _LATENT_ATTENTION})
        return config


class LatentAttention(torch.nn.Module):
    """Tokens are the queries, learned latents are keys and values; then a gated linear unit."""

    def __init__(self, config: transformers.MistralConfig) -> None:
        super().__init__()
        size, inner = config.latent_dim, config.num_cross_heads * config.cross_dim_head
        self._heads = config.num_cross_heads
        self.latents = torch.nn.Parameter(torch.randn(config.num_latents_value, size))
        attention = {
            "norm": torch.nn.LayerNorm(size),
            "norm_context": torch.nn.LayerNorm(size),
            "fn": torch.nn.ModuleDict(
                {
                    "to_q": torch.nn.Linear(size, inner, bias=False),
                    "to_kv": torch.nn.Linear(size, 2 * inner, bias=False),
                    "to_out": torch.nn.Linear(inner, size, bias=False),
                }
            ),
        }
        layers = {"0": torch.nn.Linear(size, 8 * size), "2": torch.nn.Linear(4 * size, size)}
        feed_forward = {
            "norm": torch.nn.LayerNorm(size),
            "fn": torch.nn.ModuleDict({"net": torch.nn.ModuleDict(layers)}),
        }
        self.cross_attend_blocks = torch.nn.ModuleList(
            [torch.nn.ModuleDict(attention), torch.nn.ModuleDict(feed_forward)]
        )

    def forward(self, hidden):
        attention, feed_forward = self.cross_attend_blocks
        hidden = hidden + self._attend(attention, hidden)
        layers = feed_forward["fn"]["net"]
        values, gates = layers["0"](feed_forward["norm"](hidden)).chunk(2, dim=-1)
        return hidden + layers["2"](values * functional.gelu(gates))

    def _attend(self, block, hidden):
        query = block["fn"]["to_q"](block["norm"](hidden))
        key, value = block["fn"]["to_kv"](block["norm_context"](self.latents)).chunk(2, dim=-1)
        attended = functional.scaled_dot_product_attention(
            self._split(query),
            self._split(key).expand(len(hidden), -1, -1, -1),
            self._split(value).expand(len(hidden), -1, -1, -1),
        )
        return block["fn"]["to_out"](attended.transpose(1, 2).flatten(start_dim=2))

    def _split(self, rows):
        """(..., tokens, heads * size) -> (batch, heads, tokens, size)."""
        return (
            rows.unflatten(-1, (self._heads, -1))
            .transpose(-2, -3)
            .reshape(-1, self._heads, rows.shape[-2], rows.shape[-1] // self._heads)
        )
