# SPDX-License-Identifier: Apache-2.0
if WITH_TESTS
endif
