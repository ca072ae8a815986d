// Activations, their slopes, and bias_act for one element: the arithmetic that the CPU and the CUDA bodies share.
// Mirrors torch_utils/ops/bias_act.py, which is the specification. T is the type computed in: float or double.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#ifdef __CUDACC__
#define KAOKORE_HD __host__ __device__ __forceinline__
#else
#define KAOKORE_HD inline
#endif

namespace kaokore {

enum class Act : int32_t { linear, relu, lrelu, tanh, sigmoid, elu, selu, softplus, swish, unknown };

constexpr double kSeluAlpha = 1.6732632423543772;
constexpr double kSeluScale = 1.0507009873554805;
constexpr double kSoftplusLinearAbove = 20;  // as torch: from there on softplus(v) is v to the last bit of float32

// Host only: from the name in the operator's schema.
inline Act act_named(const char* name) {
  constexpr const char* names[] = {"linear", "relu", "lrelu", "tanh", "sigmoid", "elu", "selu", "softplus", "swish"};
  for (int32_t i = 0; i < 9; ++i) {
    const char* a = names[i];
    const char* b = name;
    while (*a && *a == *b) ++a, ++b;
    if (*a == *b) return static_cast<Act>(i);
  }
  return Act::unknown;
}

// Calls body with the activation as a compile-time constant.
template <class Body>
KAOKORE_HD void for_act(Act act, const Body& body) {
  switch (act) {
    case Act::relu: return body(std::integral_constant<Act, Act::relu>());
    case Act::lrelu: return body(std::integral_constant<Act, Act::lrelu>());
    case Act::tanh: return body(std::integral_constant<Act, Act::tanh>());
    case Act::sigmoid: return body(std::integral_constant<Act, Act::sigmoid>());
    case Act::elu: return body(std::integral_constant<Act, Act::elu>());
    case Act::selu: return body(std::integral_constant<Act, Act::selu>());
    case Act::softplus: return body(std::integral_constant<Act, Act::softplus>());
    case Act::swish: return body(std::integral_constant<Act, Act::swish>());
    default: return body(std::integral_constant<Act, Act::linear>());
  }
}

// Those whose slope may be told from the output.
constexpr KAOKORE_HD bool is_straight(Act act) { return act == Act::linear || act == Act::relu || act == Act::lrelu; }

// Whether the slope is told from the output; reads_output of bias_act.py.
inline bool reads_output(Act act, double alpha, double gain) {
  return gain > 0 && (act == Act::linear || act == Act::relu || (act == Act::lrelu && alpha > 0));
}

template <class T>
KAOKORE_HD T sigmoid_of(T v) {
  // Of -|v|, whose exponential cannot overflow.
#ifdef __CUDA_ARCH__
  if constexpr (std::is_same_v<T, float>) {  // the card's own functions: to 2^-21 of the result, |v| * 2^-24 added
    const float e = __expf(-fabsf(v));
    return __fdividef(v >= 0 ? 1.f : e, 1.f + e);
  }
#endif
  const T e = std::exp(-std::abs(v));
  return (v >= 0 ? T(1) : e) / (T(1) + e);
}

// Functions are called on both sides of a kink, and the value chosen afterwards: so the CPU's loops stay vectors.
template <Act A, class T>
KAOKORE_HD T act_value(T v, T alpha) {
  if constexpr (A == Act::relu) return v < 0 ? T(0) : v;  // NaN stays NaN
  if constexpr (A == Act::lrelu) return v > 0 ? v : v * alpha;
  if constexpr (A == Act::tanh) return std::tanh(v);
  if constexpr (A == Act::sigmoid) return sigmoid_of(v);
  if constexpr (A == Act::elu || A == Act::selu) {
    const T below = std::expm1(v);
    return A == Act::elu ? (v > 0 ? v : below) : T(kSeluScale) * (v > 0 ? v : T(kSeluAlpha) * below);
  }
  if constexpr (A == Act::softplus) {
    const T below = std::log1p(std::exp(v));
    return v > T(kSoftplusLinearAbove) ? v : below;
  }
  if constexpr (A == Act::swish) return v * sigmoid_of(v);
  return v;
}

// Slope of the activation at v, before the gain.
template <Act A, class T>
KAOKORE_HD T act_slope(T v, T alpha) {
  if constexpr (A == Act::relu) return v > 0 ? T(1) : T(0);
  if constexpr (A == Act::lrelu) return v > 0 ? T(1) : alpha;
  if constexpr (A == Act::tanh) {
    const T t = std::tanh(v);
    return T(1) - t * t;
  }
  if constexpr (A == Act::sigmoid || A == Act::softplus) {
    const T s = sigmoid_of(v);
    return A == Act::sigmoid ? s * (T(1) - s) : s;
  }
  if constexpr (A == Act::elu || A == Act::selu) {
    const T below = std::exp(v);
    return A == Act::elu ? (v >= 0 ? T(1) : below) : T(kSeluScale) * (v >= 0 ? T(1) : T(kSeluAlpha) * below);
  }
  if constexpr (A == Act::swish) {
    const T s = sigmoid_of(v);
    return s * (T(1) + v * (T(1) - s));
  }
  return T(1);
}

// The options of bias_act, in the type computed in. Without a clamp `limit` is negative.
template <class T>
struct ActOptions {
  T alpha, gain, limit;
};

template <class T>
KAOKORE_HD T clamped(T y, T limit) {
  if (limit < 0) return y;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  if constexpr (std::is_same_v<T, float>) {  // two instructions, which keep NaN too
    asm("max.NaN.f32 %0, %0, %1;" : "+f"(y) : "f"(-limit));
    asm("min.NaN.f32 %0, %0, %1;" : "+f"(y) : "f"(limit));
    return y;
  }
#endif
  return y < -limit ? -limit : (y > limit ? limit : y);  // NaN stays NaN
}

// clamp(act(v) * gain), v being x + b.
template <Act A, class T>
KAOKORE_HD T bias_act_value(T v, ActOptions<T> o) {
  return clamped<T>(act_value<A>(v, o.alpha) * o.gain, o.limit);
}

// dx for one element. `seen` is the output where FromOutput, else x + b.
template <Act A, bool FromOutput, class T>
KAOKORE_HD T bias_act_slope(T dy, T seen, ActOptions<T> o) {
  const T y = FromOutput ? seen : act_value<A>(seen, o.alpha) * o.gain;
  const T dx = dy * act_slope<A>(seen, o.alpha) * o.gain;
  return o.limit >= 0 && !(std::abs(y) < o.limit) ? T(0) : dx;
}

// The synthesis epilogue for one element: v is x * scale + noise + b.
template <class T>
KAOKORE_HD T epilogue_slope(T dy, T y, ActOptions<T> o) {
  return bias_act_slope<Act::lrelu, true>(dy, y, o);
}

}  // namespace kaokore
