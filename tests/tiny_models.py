"""Segmenters, a pose model and detectors of transformers, their real classes with tiny random nets, as folders."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

SIDE = 64  # pixels of what SAM, Mask2Former and the detectors see
CLASSES = {0: "car", 1: "Person", 2: "dog"}
LABELS = {"id2label": CLASSES, "label2id": {name: number for number, name in CLASSES.items()}}


def _sam() -> tuple[Any, Any]:
    from transformers import SamConfig, SamImageProcessor, SamModel, SamProcessor

    config = SamConfig(
        vision_config={"hidden_size": 16, "output_channels": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "image_size": SIDE,
                       "patch_size": 8, "mlp_dim": 16, "window_size": 2, "global_attn_indexes": [0], "num_pos_feats": 4},
        prompt_encoder_config={"hidden_size": 8, "image_size": SIDE, "patch_size": 8, "mask_input_channels": 4},
        mask_decoder_config={"hidden_size": 8, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "iou_head_hidden_dim": 8})
    square = {"height": SIDE, "width": SIDE}
    return SamModel(config), SamProcessor(SamImageProcessor(size={"longest_edge": SIDE}, pad_size=square))


def _sam2_parts() -> dict[str, Any]:
    from transformers import Sam2HieraDetConfig, Sam2VisionConfig

    channels, grid = [4, 8, 12, 16], SIDE // 4
    backbone = Sam2HieraDetConfig(hidden_size=4, num_attention_heads=1, image_size=[SIDE, SIDE], embed_dim_per_stage=channels,
                                  num_attention_heads_per_stage=[1, 1, 1, 1], blocks_per_stage=[1, 1, 2, 1], global_attention_blocks=[3])
    vision = Sam2VisionConfig(backbone_config=backbone, backbone_channel_list=channels[::-1], fpn_hidden_size=32,
                              backbone_feature_sizes=[[grid, grid], [grid // 2, grid // 2], [grid // 4, grid // 4]])
    return {"vision_config": vision, "prompt_encoder_config": {"hidden_size": 32, "image_size": SIDE, "mask_input_channels": 4},
            "mask_decoder_config": {"hidden_size": 32, "mlp_dim": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                                    "iou_head_hidden_dim": 8}}


def _sam2() -> tuple[Any, Any]:
    from transformers import Sam2Config, Sam2ImageProcessor, Sam2Model, Sam2Processor

    processor = Sam2Processor(Sam2ImageProcessor(size={"height": SIDE, "width": SIDE}), target_size=SIDE)
    return Sam2Model(Sam2Config(**_sam2_parts())), processor


def _sam2_video() -> tuple[Any, Any]:
    """As the checkpoints on the Hub are: written by the model for videos, whose image part is read."""
    from transformers import Sam2VideoConfig, Sam2VideoModel

    config = Sam2VideoConfig(
        **_sam2_parts(), image_size=SIDE, memory_attention_hidden_size=32, memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=16, memory_encoder_hidden_size=32, memory_encoder_output_channels=8,
        mask_downsampler_embed_dim=32, memory_fuser_num_layers=1, memory_fuser_embed_dim=32, memory_fuser_intermediate_dim=16)
    return Sam2VideoModel(config), _sam2()[1]


def _mask2former() -> tuple[Any, Any]:
    from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, Mask2FormerImageProcessor, SwinConfig

    backbone = SwinConfig(image_size=32, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=2,
                          out_features=["stage1", "stage2", "stage3", "stage4"])
    config = Mask2FormerConfig(
        backbone_config=backbone, feature_size=32, mask_feature_size=32, hidden_dim=32, encoder_feedforward_dim=8, dim_feedforward=8,
        encoder_layers=1, decoder_layers=2, num_attention_heads=2, num_queries=4, **LABELS)
    return Mask2FormerForUniversalSegmentation(config), Mask2FormerImageProcessor(size={"height": SIDE, "width": SIDE}, size_divisor=32)


def _vitpose(joints: int = 17, experts: int = 1) -> tuple[Any, Any]:
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation, VitPoseImageProcessor

    backbone = VitPoseBackboneConfig(image_size=[64, 48], patch_size=[8, 8], hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                                     mlp_ratio=1, out_indices=[1], num_experts=experts, part_features=8 if experts > 1 else 0)
    names = {i: f"joint {i}" for i in range(joints)}
    config = VitPoseConfig(backbone_config=backbone, use_simple_decoder=True, id2label=names, label2id={names[i]: i for i in names})
    return VitPoseForPoseEstimation(config), VitPoseImageProcessor(size={"height": 64, "width": 48})


def _detector(kind: str) -> tuple[Any, Any]:
    import transformers
    from transformers import HGNetV2Config, RTDetrImageProcessor, RTDetrResNetConfig

    four = [8, 8, 8, 8]
    if kind == "DFine":
        backbone: Any = HGNetV2Config(
            embeddings_size=8, hidden_sizes=four, depths=[1, 1, 1, 1], stem_channels=[3, 8, 8], stage_in_channels=four,
            stage_mid_channels=four, stage_out_channels=four, stage_num_blocks=[1, 1, 1, 1], stage_numb_of_layers=[1, 1, 1, 1],
            out_indices=[2, 3, 4])
        more = {"lqe_hidden_dim": 8, "max_num_bins": 8, "top_prob_values": 2}
    else:
        backbone = RTDetrResNetConfig(embedding_size=8, hidden_sizes=four, depths=[1, 1, 1, 1], layer_type="basic",
                                      out_features=["stage2", "stage3", "stage4"])
        more = {}
    config = getattr(transformers, f"{kind}Config")(
        backbone_config=backbone, encoder_hidden_dim=8, encoder_in_channels=[8, 8, 8], encoder_ffn_dim=8, encoder_attention_heads=2,
        d_model=8, num_queries=4, decoder_in_channels=[8, 8, 8], decoder_ffn_dim=8, decoder_layers=2, decoder_attention_heads=2,
        decoder_n_points=2, num_denoising=0, **more, **LABELS)
    return getattr(transformers, f"{kind}ForObjectDetection")(config), RTDetrImageProcessor(size={"height": SIDE, "width": SIDE})


MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "sam": _sam,
    "sam2": _sam2,
    "sam2_video": _sam2_video,
    "mask2former": _mask2former,
    "vitpose": _vitpose,
    "vitpose_of_experts": lambda: _vitpose(experts=6),
    "vitpose_of_other_joints": lambda: _vitpose(joints=21),
    "d_fine": lambda: _detector("DFine"),
    "rt_detr": lambda: _detector("RTDetr"),
    "rt_detr_v2": lambda: _detector("RTDetrV2"),
}


def write_tiny_model(kind: str, folder: Path) -> Path:
    """Writes a model and its processor; its weights are random, the same on every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model, processor = MODELS[kind]()
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
