# SPDX-License-Identifier: Apache-2.0
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = packaging/wfworker.pc packaging/wfworker-plugin.pc
