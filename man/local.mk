# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += man/wfworker.1
# The commented sample of the configuration file.
dist_doc_DATA = packaging/wfworker.conf
