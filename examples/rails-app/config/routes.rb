# frozen_string_literal: true

Rails.application.routes.draw do
  get "/live", to: "health#live"
  get "/ready", to: "health#ready"

  resources :invoices, only: %i[index show create]
  root "invoices#index"
end
