// What every part of the page is made with: elements (preact, written with htm) and values that tell who shows them
// (signals). Everything that renders imports it from here.

import { h, render, Fragment } from "./vendor/preact.js";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./vendor/preact-hooks.js";
import { batch, computed, effect, signal, untracked, useComputed, useSignal } from "./vendor/signals.js";
import htm from "./vendor/htm.js";

const html = htm.bind(h);

export {
  Fragment,
  batch,
  computed,
  effect,
  html,
  render,
  signal,
  untracked,
  useCallback,
  useComputed,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useSignal,
  useState,
};
