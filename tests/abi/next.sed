# SPDX-License-Identifier: Apache-2.0
# The header of a next minor: every structure has one more member at its end.
s/^#define WFW_ABI_MINOR_MAX 0.*/#define WFW_ABI_MINOR_MAX 1/
/^struct wfw_\(call\|error\|park\|child\|lock\|send\|request\|enter\|http_request\|http_response\|host\|node\|plugin\) {$/,/^};$/{
  s/^};$/    uint64_t later;\
};/
}
