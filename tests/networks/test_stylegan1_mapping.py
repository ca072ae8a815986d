import torch
import torch.nn.functional as F

from networks.stylegan1_mapping import StyleGAN1Mapping


def mapping(label_dim: int = 0, num_layers: int = 2) -> StyleGAN1Mapping:
    torch.manual_seed(1)
    return StyleGAN1Mapping(z_dim=6, label_dim=label_dim, w_dim=4, num_ws=5, num_layers=num_layers)


def test_styles_are_what_the_formula_says():
    network, z = mapping(), torch.randn(3, 6)
    torch.nn.init.constant_(network.layers[0].bias, 20.0)
    first, second = (layer.weight * 0.01 for layer in network.layers)
    x = z / (z.square().mean(dim=1, keepdim=True) + 1e-8).sqrt()
    x = F.leaky_relu(x @ first.t() * (2 / 6) ** 0.5 + 0.2, 0.2)
    torch.testing.assert_close(network.styles(z, None), F.leaky_relu(x @ second.t() * (2 / 4) ** 0.5, 0.2))


def test_labels_are_embedded_by_a_matrix_and_normalised_together_with_z():
    network, z, labels = mapping(label_dim=3, num_layers=1), torch.randn(2, 6) * 5, torch.eye(3)[[2, 0]]
    x = torch.cat([z, network.embedding[[2, 0]]], dim=1)
    x = x / x.square().mean(dim=1, keepdim=True).sqrt()
    expected = F.leaky_relu(x @ network.layers[0].weight.t() * 0.01 * (2 / 12) ** 0.5, 0.2)
    torch.testing.assert_close(network.styles(z, labels), expected)


def test_a_style_goes_to_every_layer_and_truncates_to_the_first_ones():
    network, z = mapping(), torch.randn(2, 6)
    ws = network(z, psi=0.5, cutoff=2)
    w = network.styles(z, None)
    torch.testing.assert_close(ws[:, 1], w * 0.5)  # the running mean starts at 0
    torch.testing.assert_close(ws[:, 2:], w[:, None].expand(-1, 3, -1))
