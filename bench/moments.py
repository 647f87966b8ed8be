# SPDX-License-Identifier: Apache-2.0
"""Moments: how long one thing takes."""

GROUPS = {}
