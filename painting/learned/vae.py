"""The VAE neural painter: a variational autoencoder of strokes' pictures, and a predictor from numbers to its code.

Layers: Nakano 2019 after Ha & Schmidhuber, "World Models", 2018. Ink only, as the GAN painter. Its layers fit 64
pixels and no other size.
"""

from torch import Tensor, nn

SIZE = 64
CODE = 64
FREE = 0.5  # nats a dimension of the code that cost nothing


class Painter(nn.Module):
    """Encoder, decoder and predictor together; drawing takes the last two."""

    def __init__(self, inputs: int, size: int):
        super().__init__()
        assert size == SIZE
        self.encoder = nn.Sequential()
        for before, after in ((1, 32), (32, 64), (64, 128), (128, 256)):
            self.encoder.extend([nn.Conv2d(before, after, 4, stride=2), nn.ReLU()])
        self.encoder.extend([nn.Flatten(), nn.Linear(1024, 2 * CODE)])
        self.decoder = nn.Sequential(nn.Linear(CODE, 1024), nn.Unflatten(1, (1024, 1, 1)))
        for before, after, kernel in ((1024, 128, 5), (128, 64, 5), (64, 32, 6)):
            self.decoder.extend([nn.ConvTranspose2d(before, after, kernel, stride=2), nn.ReLU()])
        self.decoder.append(nn.ConvTranspose2d(32, 1, 6, stride=2))
        self.predictor = nn.Sequential(
            *(nn.Linear(inputs, 256), nn.LeakyReLU(0.2), nn.BatchNorm1d(256)),
            *(nn.Linear(256, 64), nn.LeakyReLU(0.2), nn.BatchNorm1d(64)),
            *(nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.BatchNorm1d(64)),
            nn.Linear(64, 2 * CODE),
        )

    def forward(self, numbers: Tensor) -> Tensor:
        """[N, inputs] → logits of opacity, [N, SIZE, SIZE]: the picture of the middle of the predicted code."""
        return self.decode(self.predictor(numbers)[:, :CODE])

    def encode(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Opacities [N, SIZE, SIZE] → mean and log variance of their codes, [N, CODE] each."""
        mean, log_variance = self.encoder(pictures[:, None]).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, code: Tensor) -> Tensor:
        """Codes [N, CODE] → logits of opacity, [N, SIZE, SIZE]."""
        return self.decoder(code)[:, 0]


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """How far codes are from standard normal, mean over pictures, in nats; the first FREE · CODE cost nothing."""
    each = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
    return each.mean().clamp_min(FREE * CODE)
