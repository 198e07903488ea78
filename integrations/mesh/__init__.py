"""deocc-aug for 3D: mesh regressors, of any environment, that see each person whole."""
from __future__ import annotations

from deocc_aug.integrations.mesh.deoccluded import DeoccludedRegressor, View
from deocc_aug.integrations.mesh.local import LocalRegressor
from deocc_aug.integrations.mesh.matching import matched
from deocc_aug.integrations.mesh.protocol import Camera, MeshPrediction, MeshRegressor
from deocc_aug.integrations.mesh.remote import FAMILIES, WORKER, WorkerError, WorkerRegressor

__all__ = ["FAMILIES", "WORKER", "Camera", "DeoccludedRegressor", "LocalRegressor", "MeshPrediction", "MeshRegressor", "View",
           "WorkerError", "WorkerRegressor", "matched"]
